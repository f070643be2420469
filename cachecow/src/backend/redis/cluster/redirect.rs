//! Redirections to another node.

use ::redis::Value;

use super::node::Address;

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Redirect {
    /// The slot has another owner.
    Moved(Address),
    /// The slot is moving; if this key exists, it is on the other node.
    Ask(Address),
}

/// Where the answer of the node at `teller` redirects the command, which was not carried out.
pub(super) fn redirect(answer: &Value, teller: &Address) -> Option<Redirect> {
    let Value::ServerError(error) = answer else { return None };
    let redirect = match error.code() {
        "MOVED" => Redirect::Moved,
        "ASK" => Redirect::Ask,
        _ => return None,
    };
    let (_slot, address) = error.details()?.split_once(' ')?;
    let (host, port) = address.trim().rsplit_once(':')?;
    Some(redirect(teller.beside(host, port.parse().ok()?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(answer: &str) -> Option<Redirect> {
        let answer = ::redis::parse_redis_value(format!("-{answer}\r\n").as_bytes()).unwrap();
        redirect(&answer, &Address { host: "teller".to_owned(), port: 1 })
    }

    fn at(host: &str, port: u16) -> Address {
        Address { host: host.to_owned(), port }
    }

    #[test]
    fn redirections_name_a_node() {
        assert_eq!(of("MOVED 3999 127.0.0.1:6381"), Some(Redirect::Moved(at("127.0.0.1", 6381))));
        assert_eq!(of("ASK 3999 fe80::1:6381"), Some(Redirect::Ask(at("fe80::1", 6381))));
        assert_eq!(of("MOVED 3999 :6381"), Some(Redirect::Moved(at("teller", 6381))));
        assert_eq!(of("MOVED 3999 ?:6381"), Some(Redirect::Moved(at("teller", 6381))));
    }

    #[test]
    fn other_errors_do_not() {
        for error in ["TRYAGAIN later", "ERR MOVED 1 a:1", "MOVED", "MOVED 1 nowhere", "ASK 1 a:x"]
        {
            assert_eq!(of(error), None, "{error}");
        }
    }
}
