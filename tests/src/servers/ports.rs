//! Loopback ports for servers that cannot choose one themselves.

use std::collections::HashSet;
use std::net::TcpListener;

use parking_lot::Mutex;

/// What was given to this process's tests. A server binds its port a moment after it was given it; until then another
/// test would find it free.
static GIVEN: Mutex<Option<HashSet<u16>>> = Mutex::new(None);

/// Between the port of a cluster's node and that of its bus.
const BUS: u16 = 10_000;

/// A port that nobody listens on, and that no other test of this process gets. Another process may take it before the
/// server does: the server then fails to start, and says so.
pub fn free_port() -> u16 {
    loop {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a loopback port");
        let port = listener.local_addr().expect("the listener's address").port();
        if give(&[port]) {
            return port;
        }
    }
}

/// The same for a cluster's node: nobody listens on the port of its bus either. Both lie below the ports that the
/// system gives to outgoing connections.
pub(super) fn free_port_with_bus() -> u16 {
    let free = |port: u16| TcpListener::bind(("127.0.0.1", port)).is_ok();
    loop {
        let random = std::hash::BuildHasher::hash_one(&std::hash::RandomState::new(), 0);
        let port = BUS + u16::try_from(random % 12_000).expect("a small number");
        if free(port) && free(port + BUS) && give(&[port, port + BUS]) {
            return port;
        }
    }
}

/// Whether none of these ports was given before.
fn give(ports: &[u16]) -> bool {
    let mut given = GIVEN.lock();
    let given = given.get_or_insert_default();
    let are_new = ports.iter().all(|port| !given.contains(port));
    if are_new {
        given.extend(ports);
    }
    are_new
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_port_is_given_twice() {
        let mut ports: Vec<u16> = (0..100).map(|_| free_port()).collect();
        for _ in 0..1000 {
            let port = free_port_with_bus();
            ports.extend([port, port + BUS]);
        }
        let count = ports.len();
        assert_eq!(ports.into_iter().collect::<HashSet<_>>().len(), count);
    }
}
