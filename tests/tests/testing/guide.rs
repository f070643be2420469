//! The guide's page.

/// Its first block shows the service that its other blocks test.
#[test]
fn the_guide_shows_the_service_that_it_tests() {
    let page = include_str!("../../../cachecow/docs/testing.md");
    let service = include_str!("../../../cachecow/docs/testing/service.rs");
    let (_, shown) = service.split_once('\n').unwrap();
    let (shown, _) = shown.split_once("\ninclude!").unwrap();
    assert!(page.contains(shown.trim()), "docs/testing.md has another service:\n{shown}");
}
