//! The one place that turns data into text: JSON, YAML, names or tables.

use clap::{Args, ValueEnum};
use serde::Serialize;

use crate::error::Error;
use crate::terminal::Terminal;

/// How to print results.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// Columns for people.
    #[default]
    Table,
    /// More columns.
    Wide,
    /// Names only, as KIND/NAME.
    Name,
    /// JSON.
    Json,
    /// YAML.
    Yaml,
}

/// The flag of verbs that print objects.
#[derive(Debug, Clone, Copy, Default, Args)]
pub(crate) struct ObjectOutput {
    /// How to print the result
    #[arg(
        short,
        long,
        value_name = "FORM",
        default_value = "table",
        hide_default_value = true
    )]
    pub(crate) output: Format,
}

/// How to print a result that has no names and no wide form.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum DataFormat {
    /// Text for people.
    #[default]
    Table,
    /// JSON.
    Json,
    /// YAML.
    Yaml,
}

/// The flag of verbs that print data of their own.
#[derive(Debug, Clone, Copy, Default, Args)]
pub(crate) struct DataOutput {
    /// How to print the result
    #[arg(
        short,
        long,
        value_name = "FORM",
        default_value = "table",
        hide_default_value = true
    )]
    pub(crate) output: DataFormat,
}

/// Prints data as JSON.
pub(crate) fn json<T: Serialize>(terminal: &mut Terminal, data: &T) -> Result<(), Error> {
    let text = serde_json::to_string_pretty(data)
        .map_err(|error| Error::Output(std::io::Error::other(error)))?;
    terminal.line(&text)
}

/// Prints data as YAML.
pub(crate) fn yaml<T: Serialize>(terminal: &mut Terminal, data: &T) -> Result<(), Error> {
    terminal.line(to_yaml(data)?.trim_end())
}

/// Data as YAML text.
pub(crate) fn to_yaml<T: Serialize>(data: &T) -> Result<String, Error> {
    serde_saphyr::to_string(data).map_err(|error| Error::Output(std::io::Error::other(error)))
}

/// Prints data in the form asked for, with a function for the text form.
pub(crate) fn data<T: Serialize>(
    terminal: &mut Terminal,
    format: DataFormat,
    value: &T,
    text: impl FnOnce(&T) -> Vec<String>,
) -> Result<(), Error> {
    match format {
        DataFormat::Json => json(terminal, value),
        DataFormat::Yaml => yaml(terminal, value),
        DataFormat::Table => {
            for line in text(value) {
                terminal.line(&line)?;
            }
            Ok(())
        }
    }
}
