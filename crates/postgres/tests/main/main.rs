//! One real Postgres of each supported version at a time, driven through the crate's public interface.

mod commits;
mod ending;
mod failover;
mod member;
mod primary;
mod probes;
mod rewinding;
mod source;
mod standby;
mod volume;

/// Runs a test body for each version of Postgres that has a bundle.
macro_rules! for_each_version {
    ($($name:ident => $body:path;)+) => {
        mod postgres_15 { $(#[tokio::test] async fn $name() -> anyhow::Result<()> { $body(15).await })+ }
        mod postgres_17 { $(#[tokio::test] async fn $name() -> anyhow::Result<()> { $body(17).await })+ }
        mod postgres_18 { $(#[tokio::test] async fn $name() -> anyhow::Result<()> { $body(18).await })+ }
    };
}

for_each_version! {
    an_empty_volume_becomes_a_primary_once => crate::primary::an_empty_volume_becomes_a_primary_once;
    role_passwords_are_set_once => crate::primary::role_passwords_are_set_once;
    parameters_are_reloaded_or_wait_for_a_restart => crate::primary::parameters_are_reloaded_or_wait_for_a_restart;
    a_killed_postmaster_starts_again => crate::primary::a_killed_postmaster_starts_again;
    a_promotion_takes_the_wanted_timeline => crate::failover::a_promotion_takes_the_wanted_timeline;
    a_standby_that_was_cut_off_says_where_it_is => crate::failover::a_standby_that_was_cut_off_says_where_it_is;
    commits_wait_from_the_moment_that_a_rule_is_in_force => crate::commits::commits_wait_from_the_moment_that_a_rule_is_in_force;
    a_former_rule_cannot_outlive_its_walsenders => crate::commits::a_former_rule_cannot_outlive_its_walsenders;
    a_diverged_primary_becomes_a_standby => crate::rewinding::a_diverged_primary_becomes_a_standby;
    a_killed_tree_leaves_nothing => crate::ending::a_killed_tree_leaves_nothing;
    a_copy_of_a_source_goes_its_own_way_and_comes_back => crate::source::a_copy_of_a_source_goes_its_own_way_and_comes_back;
    a_clone_streams => crate::standby::a_clone_streams;
    a_standby_starts_although_values_were_lowered => crate::standby::a_standby_starts_although_values_were_lowered;
    a_standby_that_fell_behind_is_recognised_and_replaced => crate::standby::a_standby_that_fell_behind_is_recognised_and_replaced;
}
