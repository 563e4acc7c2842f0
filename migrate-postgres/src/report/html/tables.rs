//! The tables and their foreign keys, as a drawing and as text.

use super::section as framed;
use super::text::{count, name};
use crate::report::Diagram;
use crate::report::diagram::drawing;
use maud::{Markup, html};

pub(super) fn section(diagram: &Diagram) -> Markup {
    let content = html! {
        @if diagram.tables.is_empty() {
            p.nothing { "There are no tables." }
        } @else {
            div.figure {
                input #fit type="checkbox";
                label for="fit" { span.wide { "Fit to the width" } span.narrow { "Full size" } }
                div.scroll tabindex="0" role="region" aria-label="Drawing of the tables" { (drawing(diagram)) }
            }
            (as_text(diagram))
        }
    };
    let note = format!(
        "{} with {}, {}; a table stands to the right of those it references",
        count(diagram.tables.len(), "table"),
        count(diagram.columns(), "column"),
        count(diagram.foreign_keys.len(), "foreign key")
    );
    framed("tables", "Tables", &note, &content)
}

fn as_text(diagram: &Diagram) -> Markup {
    html! {
        details.card {
            summary { span.title { "As text" } }
            dl.tables {
                @for (index, table) in diagram.tables.iter().enumerate() {
                    dt { (name(&table.name)) }
                    dd {
                        @for (place, column) in table.columns.iter().enumerate() {
                            @if place > 0 { ", " }
                            (name(&column.name)) " " span.aside { (name(&column.type_name)) @if column.is_primary { " primary key" } }
                        }
                        @if table.partitions > 0 { p { (count(table.partitions, "partition")) } }
                        @for key in diagram.foreign_keys.iter().filter(|key| key.from == index) {
                            p { (name(&key.columns.join(", "))) " refers to " (name(&diagram.tables[key.to].name)) " (" (name(&key.referenced.join(", "))) ")" }
                        }
                    }
                }
            }
        }
    }
}
