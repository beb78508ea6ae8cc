//! Tests of the CRDs as an API server would use them.

#[cfg(test)]
mod admission;
#[cfg(test)]
mod cases;
#[cfg(test)]
mod cel_rules;
#[cfg(test)]
mod columns;
#[cfg(test)]
mod committed;
#[cfg(test)]
mod cost;
#[cfg(test)]
mod manifests;
#[cfg(test)]
mod rules_cluster;
#[cfg(test)]
mod rules_configuration;
#[cfg(test)]
mod rules_coverage;
#[cfg(test)]
mod rules_day_two;
#[cfg(test)]
mod structural;
