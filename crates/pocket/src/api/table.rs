//! Which table a kind is printed as.

use serde_json::Value;

use super::Time;
use super::resource::{Body, Resource};
use super::status::Failure;
use crate::table::{IncludeObject, Printer, TableOptions};
pub(super) use crate::table::{partial_metadata, partial_metadata_list};

/// How a client wants its tables.
#[derive(Clone, Debug)]
pub(super) struct Table {
    printer: Printer,
    include: IncludeObject,
}

impl Table {
    /// The table of a kind; `include` is the parameter `includeObject`.
    pub(super) fn of(resource: &Resource, include: Option<&str>) -> Result<Self, Failure> {
        let include = IncludeObject::from_query(include.unwrap_or_default());
        let printer = match &resource.body {
            Body::Builtin(builtin) => Printer::built_in(builtin.group, builtin.kind),
            Body::Custom(custom) => custom.printer.clone(),
        };
        Ok(Self {
            printer,
            include: include.map_err(Failure::bad_request)?,
        })
    }

    /// Objects as a table.
    pub(super) fn render(
        &self,
        objects: &[Value],
        metadata: Value,
        now: Time,
        with_columns: bool,
    ) -> Value {
        let options = TableOptions {
            metadata,
            include: self.include,
            with_columns,
            now,
        };
        self.printer.table(objects, &options)
    }
}
