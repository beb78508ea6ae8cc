//! Which processes belong to a tree, and which do not.

use pretty_assertions::assert_eq;

use super::*;

fn process(pid: i32, parent: i32, session: i32, start: u64) -> Entry {
    Entry {
        process: Process { pid, start },
        parent,
        session,
        zombie: false,
        postgres: false,
    }
}

/// What belongs to the tree among these.
fn grown(tree: &mut ProcessTree, all: &[Entry]) -> Vec<i32> {
    tree.entries = all.to_vec();
    tree.grow();
    tree.living().map(|entry| entry.process.pid).collect()
}

#[test]
fn a_name_with_parentheses_does_not_shift_the_fields() {
    let stat = b"7 (a) R 1 (b) S 5 6 7 0 -1 4 1 2 3 4 5 6 7 8 20 0 1 0 4711 9 9\n";
    let seen = entry(7, stat).unwrap();
    let start = seen.process.start;
    assert_eq!((seen.parent, seen.session, start), (5, 7, 4711));
    assert!(entry(7, b"7 (x) Z 5").is_none());
}

#[test]
fn a_program_with_a_strange_name_is_read() {
    let stat = b"42 (a) S (b 1) Z 7 1 1 0 -1 4194560 0 0 0 0 0 0 0 0 20 0 1 0 12345 0 0\n";
    let seen = entry(42, stat).unwrap();
    assert_eq!((seen.process.start, seen.parent), (12345, 7));
    assert!(seen.zombie && !seen.postgres);
    assert!(entry(42, b"42 (postgres) S").is_none());
    assert!(entry(42, b"").is_none());
}

#[test]
fn descendants_are_found_and_others_are_not() {
    let all = [
        process(1, 0, 1, 1),
        process(10, 1, 1, 5),
        process(11, 10, 11, 6),
        process(12, 11, 11, 7),
        process(20, 1, 1, 5),
    ];
    let mut tree = ProcessTree::below(None);
    tree.set_postmaster(Some(all[1].process));
    assert_eq!(grown(&mut tree, &all), [10, 11, 12]);
    // 11 has ended, and 13 in its session has lost its parent; 10 is another process by now.
    let later = [
        process(1, 0, 1, 1),
        process(10, 1, 1, 99),
        process(13, 1, 11, 8),
        process(14, 10, 14, 100),
    ];
    assert_eq!(grown(&mut tree, &later), [13]);
}

#[test]
fn a_session_whose_number_was_used_again_is_no_longer_known() {
    let first = process(11, 10, 11, 6);
    let mut tree = ProcessTree::below(None);
    tree.set_postmaster(Some(first.process));
    assert_eq!(grown(&mut tree, &[first]), [11]);
    let later = [process(11, 1, 11, 50), process(12, 11, 11, 51)];
    assert_eq!(grown(&mut tree, &later), [0; 0]);
}

#[test]
fn a_number_that_is_used_again_is_another_process() {
    // Not this process itself, which no tree has.
    let mut other = std::process::Command::new("sleep")
        .arg("600")
        .spawn()
        .unwrap();
    let process = Process::now(i32::try_from(other.id()).unwrap()).unwrap();
    let mut tree = ProcessTree::below(None);
    tree.set_postmaster(Some(Process {
        start: process.start + 1,
        ..process
    }));
    assert_eq!(tree.look(), 0);
    tree.set_postmaster(Some(process));
    assert_eq!(tree.look(), 1);
    other.kill().unwrap();
    other.wait().unwrap();
}
