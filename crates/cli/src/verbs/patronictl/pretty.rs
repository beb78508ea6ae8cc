//! Tables the way Patroni draws them, and the same rows as tab-separated text or objects.

use serde_json::{Map, Value};

/// Headings and rows.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Grid {
    pub(super) title: Option<String>,
    headings: Vec<&'static str>,
    rows: Vec<Vec<Value>>,
}

fn cell(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.replace(['\n', '\t'], " "),
        other => other.to_string(),
    }
}

impl Grid {
    pub(super) fn new(headings: &[&'static str]) -> Self {
        Self {
            title: None,
            headings: headings.to_vec(),
            rows: Vec::new(),
        }
    }

    pub(super) fn row(&mut self, cells: Vec<Value>) {
        self.rows.push(cells);
    }

    fn width(&self, column: usize) -> usize {
        let cells = self.rows.iter().filter_map(|row| row.get(column));
        let longest = cells.map(|value| cell(value).chars().count()).max();
        let heading = self.headings.get(column).map_or(0, |text| text.len());
        longest.unwrap_or(0).max(heading)
    }

    /// Numbers stand at the right.
    fn is_number(&self, column: usize) -> bool {
        matches!(
            self.headings.get(column),
            Some(&("TL" | "LSN" | "Lag in MB"))
        )
    }

    fn line(&self, cells: &[String]) -> String {
        let mut line = String::from("|");
        for (column, text) in cells.iter().enumerate() {
            let width = self.width(column);
            if self.is_number(column) {
                line.push_str(&format!(" {text:>width$} |"));
            } else {
                line.push_str(&format!(" {text:<width$} |"));
            }
        }
        line
    }

    fn border(&self) -> String {
        let columns = (0..self.headings.len()).map(|column| "-".repeat(self.width(column) + 2));
        format!("+{}+", columns.collect::<Vec<_>>().join("+"))
    }

    /// The lines of the table; the title stands in its upper border.
    pub(super) fn pretty(&self) -> Vec<String> {
        let border = self.border();
        let top = match &self.title {
            Some(title) => {
                let title = format!("+ {title} ");
                let rest = border.get(title.len()..).unwrap_or("-+");
                format!("{title}{rest}")
            }
            None => border.clone(),
        };
        let headings: Vec<String> = self.headings.iter().map(ToString::to_string).collect();
        let mut lines = vec![top, self.line(&headings), border.clone()];
        for row in &self.rows {
            lines.push(self.line(&row.iter().map(cell).collect::<Vec<_>>()));
        }
        lines.push(border);
        lines
    }

    /// A line of headings, and a line for each row; `first` are columns before them.
    pub(super) fn tsv(&self, first: &[(&str, Value)]) -> Vec<String> {
        let headings = first.iter().map(|(name, _)| *name);
        let headings: Vec<&str> = headings.chain(self.headings.iter().copied()).collect();
        let mut lines = vec![headings.join("\t")];
        for row in &self.rows {
            let cells = first.iter().map(|(_, value)| value).chain(row);
            lines.push(cells.map(cell).collect::<Vec<_>>().join("\t"));
        }
        lines
    }

    /// An object for each row, without empty cells.
    pub(super) fn objects(&self, first: &[(&str, Value)]) -> Vec<Map<String, Value>> {
        let object = |row: &Vec<Value>| {
            let own = self.headings.iter().copied().zip(row.iter().cloned());
            let all = first.iter().cloned().chain(own);
            all.filter(|(_, value)| !value.is_null())
                .map(|(name, value)| (name.to_owned(), value))
                .collect()
        };
        self.rows.iter().map(object).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pretty_assertions::assert_eq;
    use serde_json::json;

    fn grid() -> Grid {
        let mut grid = Grid::new(&["Member", "Role", "TL", "Lag in MB"]);
        grid.row(vec![
            json!("simple-0"),
            json!("Leader"),
            json!(1),
            Value::Null,
        ]);
        grid.row(vec![
            json!("simple-1"),
            json!("Replica"),
            json!(1),
            json!(12),
        ]);
        grid
    }

    #[test]
    fn a_table_looks_like_those_of_patroni() {
        let mut grid = grid();
        grid.title = Some("Cluster: simple (7)".to_owned());
        assert_eq!(
            grid.pretty(),
            [
                "+ Cluster: simple (7) +----+-----------+",
                "| Member   | Role    | TL | Lag in MB |",
                "+----------+---------+----+-----------+",
                "| simple-0 | Leader  |  1 |           |",
                "| simple-1 | Replica |  1 |        12 |",
                "+----------+---------+----+-----------+",
            ]
        );
        grid.title = Some("x".repeat(60));
        assert!(grid.pretty()[0].ends_with(" -+"));
    }

    #[test]
    fn other_forms_name_the_cluster_in_each_row() {
        let first = [("Cluster", json!("simple"))];
        assert_eq!(grid().tsv(&first)[1], "simple\tsimple-0\tLeader\t1\t");
        assert_eq!(
            json!(grid().objects(&first))[0],
            json!({"Cluster": "simple", "Member": "simple-0", "Role": "Leader", "TL": 1})
        );
    }
}
