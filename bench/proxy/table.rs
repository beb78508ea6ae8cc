//! Medians of the rounds, and what the filter adds.

use super::load::Measured;
use super::stack::Way;

#[derive(Debug, Default)]
pub(crate) struct Table(Vec<(Way, usize, Measured)>);

impl Table {
    pub(crate) fn add(&mut self, way: Way, round: usize, measured: Measured) {
        self.0.push((way, round, measured));
    }

    fn median(&self, way: Way, of: impl Fn(&Measured) -> f64) -> Option<f64> {
        let of_way = self.0.iter().filter(|(one, _, _)| *one == way);
        median(of_way.map(|(_, _, measured)| of(measured)).collect())
    }

    /// What one way uses more of Envoy's CPU than another, round by round.
    fn difference(&self, more: Way, less: Way) -> Option<(f64, f64, f64)> {
        let of = |way: Way, round: usize| {
            let mut all = self.0.iter();
            let found = all.find(|(one, number, _)| *one == way && *number == round);
            found.map(|(_, _, measured)| measured.envoy)
        };
        let rounds = self.0.iter().filter(|(way, _, _)| *way == more);
        let mut all: Vec<f64> = rounds
            .filter_map(|(_, round, measured)| Some(measured.envoy - of(less, *round)?))
            .collect();
        all.sort_by(f64::total_cmp);
        let (first, last) = (all.first().copied()?, all.last().copied()?);
        Some((median(all)?, first, last))
    }

    pub(crate) fn show(&self, title: &str) -> String {
        let mut text = format!(
            "\n{title}\n{:<14} {:>9} {:>9} {:>9} {:>9} {:>10} {:>9} {:>6}\n",
            "way", "tps", "p50 us", "p99 us", "envoy us", "pgbouncer", "postgres", "rounds"
        );
        for way in Way::ALL {
            let count = self.0.iter().filter(|(one, _, _)| *one == way).count();
            if count == 0 {
                continue;
            }
            let number = |of: fn(&Measured) -> f64| self.median(way, of).unwrap_or_default();
            text.push_str(&format!(
                "{:<14} {:>9.0} {:>9.0} {:>9.0} {:>9.1} {:>10.1} {:>9.1} {:>6}\n",
                way.name(),
                number(|one| one.tps),
                number(|one| one.p50),
                number(|one| one.p99),
                number(|one| one.envoy),
                number(|one| one.pgbouncer),
                number(|one| one.postgres),
                count
            ));
        }
        for (more, less) in [(Way::Filter, Way::Envoy), (Way::FilterTls, Way::EnvoyTls)] {
            if let Some((median, least, most)) = self.difference(more, less) {
                text.push_str(&format!(
                    "{} over {}: {median:.2} us of CPU a transaction ({least:.2} to {most:.2})\n",
                    more.name(),
                    less.name()
                ));
            }
        }
        text
    }
}

fn median(mut numbers: Vec<f64>) -> Option<f64> {
    numbers.sort_by(f64::total_cmp);
    let middle = numbers.len() / 2;
    let upper = numbers.get(middle).copied()?;
    if numbers.len() % 2 == 1 {
        return Some(upper);
    }
    Some(f64::midpoint(
        upper,
        numbers.get(middle.checked_sub(1)?).copied()?,
    ))
}
