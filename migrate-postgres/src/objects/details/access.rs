//! Comments, privileges, security labels, and objects that are only listed.

use super::attributes::details;
use super::lines::Lines;
use crate::objects::kind::Kind;

details! {
    /// A comment on another object.
    Comment {
        /// The comment, unquoted.
        text: String,
    }

    /// The privileges on another object.
    Privileges {
        /// The owner of that object, in its database.
        owner: String,
        /// For each grantee, its privileges: `app: INSERT, SELECT WITH GRANT OPTION`. A grantee may be `PUBLIC` or
        /// `(owner)`.
        grants: Vec<String>,
        /// The privileges that an extension gave to each grantee, for one of its members.
        initial: Vec<String>,
    }

    /// The default privileges of a role's future objects.
    DefaultPrivileges {
        /// The role that creates them.
        role: String,
        /// The schema that they are created in; none for all.
        schema: Option<String>,
        /// The kind of the objects, as in `ALTER DEFAULT PRIVILEGES`: `TABLES`.
        objects: String,
        /// For each grantee, its privileges.
        grants: Vec<String>,
    }
}

details! {
    /// A security label on another object.
    SecurityLabel {
        /// The provider.
        provider: String,
        /// The label.
        label: String,
    }

    /// An object that is listed and not compared.
    Noted {
        /// Facts about it, one a line.
        lines: Vec<String>,
    }
}

impl SecurityLabel {
    pub(super) fn write(&self, _: Kind, lines: &mut Lines) {
        lines.line(&["PROVIDER ", &self.provider]).line(&[&self.label]);
    }
}

impl Noted {
    pub(super) fn write(&self, _: Kind, lines: &mut Lines) {
        lines.each("", &self.lines);
    }
}

impl Comment {
    pub(super) fn write(&self, _: Kind, lines: &mut Lines) {
        lines.line(&[&self.text]);
    }
}

impl Privileges {
    pub(super) fn write(&self, _: Kind, lines: &mut Lines) {
        write_grants(&self.grants, lines);
    }
}

impl DefaultPrivileges {
    pub(super) fn write(&self, _: Kind, lines: &mut Lines) {
        write_grants(&self.grants, lines);
    }
}

fn write_grants(grants: &[String], lines: &mut Lines) {
    lines.each("", grants).flag("none", grants.is_empty());
}
