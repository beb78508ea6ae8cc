//! Replays the recorded exchanges with a real API server and compares the answers.

#[cfg(test)]
mod golden {
    mod compare;
    mod differences;
    mod replay;

    use std::collections::BTreeMap;

    #[test]
    fn every_difference_stands_in_the_documentation_with_its_reason() {
        let documentation = include_str!("../src/lib.rs");
        for (step, reason) in differences::KNOWN {
            let row = format!("//! | `{step}` | {reason} |");
            assert!(documentation.contains(&row), "{row}");
        }
        let rows = documentation.matches("//! | `discovery ").count();
        let known = differences::KNOWN.iter();
        let discovery = known.filter(|(step, _)| step.starts_with("discovery "));
        assert_eq!(rows, discovery.count());
    }

    /// The recording is replayed as a whole, as later exchanges depend on earlier ones. Every
    /// difference must stand in the table, and everything in the table must differ.
    #[tokio::test(flavor = "multi_thread")]
    async fn answers_are_those_of_a_real_server() {
        let found: BTreeMap<String, String> = replay::differences().await;
        let known: BTreeMap<&str, &str> = differences::KNOWN.iter().copied().collect();
        let mut complaints = Vec::new();
        for (step, difference) in &found {
            if !known.contains_key(step.as_str()) {
                complaints.push(format!("{step}: {difference}"));
            }
        }
        for step in known.keys() {
            if !found.contains_key(*step) {
                complaints.push(format!("{step}: stands in the table but does not differ"));
            }
        }
        assert!(
            complaints.is_empty(),
            "{} steps:\n{}",
            complaints.len(),
            complaints.join("\n")
        );
    }
}
