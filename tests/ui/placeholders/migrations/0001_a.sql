CREATE TABLE ${schema}.a ();
CREATE TABLE ${shcema}.b ();
