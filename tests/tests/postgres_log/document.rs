//! Each test that the table of faults names is one.

const DOCUMENT: &str = include_str!("../../../cachecow/docs/change_logs.md");
const TESTS: &[&str] = &[
    include_str!("../outbox.rs"),
    include_str!("../follower_faults.rs"),
    include_str!("../outbox_altered.rs"),
    include_str!("../outbox_columns.rs"),
    include_str!("../outbox_faults.rs"),
    include_str!("../outbox_kill.rs"),
    include_str!("../foreign.rs"),
    include_str!("changes.rs"),
    include_str!("checks.rs"),
    include_str!("encoding.rs"),
    include_str!("failover.rs"),
    include_str!("faults.rs"),
    include_str!("gate.rs"),
    include_str!("links.rs"),
    include_str!("outage.rs"),
    include_str!("partitions.rs"),
    include_str!("restored.rs"),
    include_str!("tls.rs"),
    include_str!("waits.rs"),
    include_str!("writers.rs"),
];

#[test]
fn every_fault_in_the_document_has_its_test() {
    let (_, table) = DOCUMENT.split_once("<!-- faults -->").expect("the table begins");
    let (table, _) = table.split_once("<!-- end of faults -->").expect("the table ends");
    let rows = table.lines().filter(|line| line.starts_with("| ")).skip(1);
    let mut count = 0;
    for row in rows {
        let tests = row.trim_end_matches('|').rsplit('|').next().expect("a last column");
        let named: Vec<&str> = tests.split('`').skip(1).step_by(2).collect();
        assert!(!named.is_empty(), "a fault without a test: {row}");
        for name in named {
            let function = format!("async fn {name}(");
            let is_there = TESTS.iter().any(|file| file.contains(&function));
            assert!(is_there, "there is no test {name}");
            count += 1;
        }
    }
    assert!(count > 15, "{count}");
}
