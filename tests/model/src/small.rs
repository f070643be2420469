//! The exploration of a model without faults of its own to choose from.

use std::fmt::Debug;
use std::hash::Hash;

use stateright::{Checker, Model};

/// Explores everything that can happen: how many states there are, and the way to one without the property.
///
/// # Panics
///
/// If nothing ever comes to its end: then the property says nothing.
pub(crate) fn explore<M>(
    scene: M,
    property: &'static str,
    end: &'static str,
) -> (usize, Option<String>)
where
    M: Model + Debug + Copy + Send + Sync + 'static,
    M::State: Debug + Clone + Eq + Hash + Send + Sync,
    M::Action: Debug + Clone + Eq + Send + Sync,
{
    let checker = scene.checker().threads(2).spawn_bfs().join();
    assert!(checker.discovery(end).is_some(), "{scene:?}");
    let way = checker.discovery(property).map(|path| format!("{:?}", path.into_actions()));
    (checker.unique_state_count(), way)
}
