//! Nothing: the tests of this package run sqlx, refinery and diesel themselves beside this library.
