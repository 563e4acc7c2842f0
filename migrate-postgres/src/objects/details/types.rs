//! Types and domains.

use super::attributes::{Attributes, Member, Value, details};
use super::lines::Lines;
use crate::objects::kind::Kind;

/// The form of a type.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum TypeForm {
    /// The labels in order, as literals.
    Enum(Vec<String>),
    Composite(Vec<TypeAttribute>),
    Range(Range),
    Base(Base),
    /// A type that was only announced.
    #[default]
    Shell,
}

details! {
    /// A type.
    Type {
        /// Its form.
        form: TypeForm,
        /// The owner, if owners were read.
        owner: Option<String>,
    }

    /// An attribute of a composite type.
    TypeAttribute {
        /// The name.
        attribute: String,
        /// The type, with its modifier.
        data_type: String,
        /// The collation, if it is not the type's.
        collation: Option<String>,
    }

    /// A range type.
    Range {
        /// `SUBTYPE`.
        subtype: String,
        /// `SUBTYPE_OPCLASS`, if it is not the default one.
        operator_class: Option<String>,
        /// `COLLATION`.
        collation: Option<String>,
        /// `CANONICAL`.
        canonical: Option<String>,
        /// `SUBTYPE_DIFF`.
        difference: Option<String>,
        /// `MULTIRANGE_TYPE_NAME`.
        multirange: String,
    }

    /// A base type.
    Base {
        /// The input function.
        input: String,
        /// The output function.
        output: String,
        /// The receive function.
        receive: Option<String>,
        /// The send function.
        send: Option<String>,
        /// The length, or -1.
        length: String,
        /// The column `typalign`.
        alignment: String,
        /// The column `typstorage`.
        storage: String,
        /// `PASSEDBYVALUE`.
        by_value: bool,
        /// The category.
        category: String,
    }

    /// A domain.
    Domain {
        /// The type that it is over, with its modifier.
        data_type: String,
        /// The collation, if it is not the type's.
        collation: Option<String>,
        /// `NOT NULL`.
        not_null: bool,
        /// The default.
        expression: Option<String>,
        /// The constraints.
        constraints: Vec<DomainConstraint>,
        /// The owner, if owners were read.
        owner: Option<String>,
    }

    /// A constraint of a domain.
    DomainConstraint {
        /// The name.
        constraint: String,
        /// The constraint, as PostgreSQL prints it.
        definition: String,
    }
}

impl Value for TypeForm {
    fn read(attributes: Attributes<'_>, name: &str) -> TypeForm {
        match String::read(attributes, name).as_str() {
            "e" => TypeForm::Enum(Value::read(attributes, "labels")),
            "c" => TypeForm::Composite(Value::read(attributes, "attribute")),
            "r" => TypeForm::Range(Range::of(attributes)),
            "b" => TypeForm::Base(Base::of(attributes)),
            _ => TypeForm::Shell,
        }
    }
}

impl Member for TypeAttribute {
    const FIRST: &'static str = "attribute";

    fn of(attributes: Attributes<'_>) -> TypeAttribute {
        TypeAttribute::of(attributes)
    }
}

impl Member for DomainConstraint {
    const FIRST: &'static str = "constraint";

    fn of(attributes: Attributes<'_>) -> DomainConstraint {
        DomainConstraint::of(attributes)
    }
}

impl Type {
    pub(super) fn write(&self, _: Kind, lines: &mut Lines) {
        match &self.form {
            TypeForm::Enum(labels) => {
                lines.line(&["ENUM"]).each("", labels);
            }
            TypeForm::Composite(attributes) => {
                lines.line(&["COMPOSITE"]);
                attributes.iter().for_each(|attribute| attribute.write(lines));
            }
            TypeForm::Range(range) => range.write(lines),
            TypeForm::Base(base) => base.write(lines),
            TypeForm::Shell => {
                lines.line(&["SHELL"]);
            }
        }
        lines.owner(&self.owner);
    }
}

impl TypeAttribute {
    /// The attribute as it stands in a statement.
    pub(crate) fn sql(&self) -> String {
        let collation = self.collation.as_ref().map(|name| format!(" COLLATE {name}")).unwrap_or_default();
        format!("{} {}{collation}", self.attribute, self.data_type)
    }

    fn write(&self, lines: &mut Lines) {
        lines.line(&[&self.sql()]);
    }
}

impl Range {
    fn write(&self, lines: &mut Lines) {
        lines.line(&["RANGE"]).line(&["SUBTYPE ", &self.subtype]);
        lines.optional("SUBTYPE_OPCLASS ", &self.operator_class).optional("COLLATION ", &self.collation);
        lines.optional("CANONICAL ", &self.canonical).optional("SUBTYPE_DIFF ", &self.difference);
        lines.line(&["MULTIRANGE_TYPE_NAME ", &self.multirange]);
    }
}

impl Base {
    fn write(&self, lines: &mut Lines) {
        lines.line(&["BASE"]).line(&["INPUT ", &self.input]).line(&["OUTPUT ", &self.output]);
        lines.line(&["INTERNALLENGTH ", &self.length]).line(&["ALIGNMENT ", &self.alignment]);
        lines.line(&["STORAGE ", &self.storage]).line(&["CATEGORY ", &self.category]);
    }
}

impl Domain {
    pub(super) fn write(&self, _: Kind, lines: &mut Lines) {
        lines.line(&["DOMAIN AS ", &self.data_type]).optional("COLLATE ", &self.collation);
        lines.flag("NOT NULL", self.not_null).optional("DEFAULT ", &self.expression);
        for constraint in &self.constraints {
            lines.line(&["CONSTRAINT ", &constraint.constraint, " ", &constraint.definition]);
        }
        lines.owner(&self.owner);
    }
}
