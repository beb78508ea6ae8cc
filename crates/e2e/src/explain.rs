//! What a failed case leaves for the person who reads its output: states, Events and the ends of all logs.

use std::fs;

use crate::world::World;

/// Lines of each log.
const TAIL: usize = 40;

impl World {
    /// Prints what helps to understand a failure.
    pub async fn explain(&self) {
        for arguments in [
            &["get", "sgclusters,pods,services,pvc", "-o", "wide"][..],
            &["events"],
        ] {
            self.show(arguments).await;
        }
        for cluster in self.names("sgclusters").await {
            self.show(&["status", &cluster]).await;
        }
        for pod in self.names("pods").await {
            self.show(&["logs", &pod, "--tail", &TAIL.to_string()])
                .await;
        }
        if let Ok(processes) = self.processes() {
            eprintln!("=== processes\n{}", processes.lines());
        }
        let log = fs::read_to_string(self.state().join("howdah.log")).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        let tail = &lines[lines.len().saturating_sub(TAIL * 2)..];
        eprintln!("=== end of howdah.log\n{}", tail.join("\n"));
    }

    async fn names(&self, kind: &str) -> Vec<String> {
        let Ok(outcome) = self.howdah(&["get", kind, "-o", "name"]).await else {
            return Vec::new();
        };
        let names = outcome
            .stdout
            .lines()
            .filter_map(|line| line.rsplit('/').next());
        names.map(str::to_owned).collect()
    }

    async fn show(&self, arguments: &[&str]) {
        match self.howdah(arguments).await {
            Ok(outcome) => {
                eprintln!(
                    "=== howdah {}\n{}{}",
                    arguments.join(" "),
                    outcome.stdout,
                    outcome.stderr
                );
            }
            Err(error) => eprintln!("=== howdah {}\n{error:#}", arguments.join(" ")),
        }
    }
}
