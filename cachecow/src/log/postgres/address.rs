//! Parses a database's URL. The errors never contain the password.

use std::fmt;
use std::net::IpAddr;

use percent_encoding::percent_decode_str;
use pgwire_replication::{ReplicationConfig, SslMode, TlsConfig};
use url::Url;

use crate::error::{Error, ErrorKind};

const FORM: &str = "postgres://user:password@host:5432/database";

/// The address of a server, the user and the database.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Address {
    host: String,
    port: u16,
    user: String,
    password: String,
    database: String,
    tls: TlsConfig,
}

impl Address {
    pub(super) fn parse(url: &str) -> Result<Self, Error> {
        let url = Url::parse(url).map_err(|error| invalid(&format!("{error}; write {FORM}")))?;
        if !matches!(url.scheme(), "postgres" | "postgresql") {
            return Err(invalid(&format!("it begins with another scheme; write {FORM}")));
        }
        let user = decoded(url.username())?;
        let mut address = Self {
            // Only in a URL is an IPv6 address in brackets.
            host: decoded(url.host_str().unwrap_or("localhost").trim_matches(['[', ']']))?,
            port: url.port().unwrap_or(5432),
            password: decoded(url.password().unwrap_or_default())?,
            database: decoded(url.path().trim_start_matches('/'))?,
            user,
            tls: TlsConfig::disabled(),
        };
        for (name, value) in url.query_pairs() {
            address.set(&name, &value)?;
        }
        address.tls = address.tls_of_host();
        if address.user.is_empty() {
            return Err(invalid(&format!("it names no user; write {FORM}")));
        }
        if address.database.is_empty() {
            address.database = address.user.clone();
        }
        Ok(address)
    }

    fn set(&mut self, name: &str, value: &str) -> Result<(), Error> {
        match name {
            "host" | "hostaddr" => value.clone_into(&mut self.host),
            "port" => self.port = value.parse().map_err(|_| invalid("its port is no number"))?,
            "user" => value.clone_into(&mut self.user),
            "password" => value.clone_into(&mut self.password),
            "dbname" => value.clone_into(&mut self.database),
            "sslmode" => {
                self.tls.mode = match value {
                    "allow" | "prefer" if cfg!(feature = "tls") => SslMode::Prefer,
                    "disable" | "allow" | "prefer" => SslMode::Disable,
                    _ if !cfg!(feature = "tls") => {
                        return Err(invalid("its `sslmode` needs cachecow's feature `tls`"));
                    }
                    "require" => SslMode::Require,
                    "verify-ca" => SslMode::VerifyCa,
                    "verify-full" => SslMode::VerifyFull,
                    _ => return Err(invalid("its `sslmode` is none of PostgreSQL's")),
                };
            }
            "sslrootcert" => self.tls.ca_pem_path = Some(value.into()),
            "sslcert" => self.tls.client_cert_pem_path = Some(value.into()),
            "sslkey" => self.tls.client_key_pem_path = Some(value.into()),
            // Parameters of pools and drivers have no effect here.
            _ => {}
        }
        Ok(())
    }

    /// Applies the rules of PostgreSQL's own programs where the transport's rules differ.
    fn tls_of_host(&self) -> TlsConfig {
        let mut tls = self.tls.clone();
        if tls.mode == SslMode::Require && tls.ca_pem_path.is_some() {
            tls.mode = SslMode::VerifyCa;
        }
        if self.host.parse::<IpAddr>().is_ok() {
            // Otherwise the transport would not accept a certificate for an IP address.
            tls.sni_hostname = Some(self.host.clone());
        }
        if self.host.starts_with('/') { TlsConfig::disabled() } else { tls }
    }

    /// Returns the configuration of a connection; `name` identifies the connection at the server.
    pub(super) fn config(&self, name: &str, slot: &str, publication: &str) -> ReplicationConfig {
        ReplicationConfig::new(
            self.host.as_str(),
            self.user.as_str(),
            self.password.as_str(),
            self.database.as_str(),
            slot,
            publication,
        )
        .with_port(self.port)
        .with_tls(self.tls.clone())
        .with_application_name(name)
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Address({}:{}/{})", self.host, self.port, self.database)
    }
}

fn decoded(text: &str) -> Result<String, Error> {
    let text = percent_decode_str(text).decode_utf8();
    Ok(text.map_err(|_| invalid("a part of it is no text"))?.into_owned())
}

fn invalid(what: &str) -> Error {
    Error::new(ErrorKind::InvalidUrl, format!("the database's URL is not valid: {what}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_taken_apart() {
        let address = Address::parse("postgres://app:p%40ss@db:5433/shop").expect("it is valid");
        assert_eq!((&*address.host, address.port), ("db", 5433));
        assert_eq!((&*address.user, &*address.password), ("app", "p@ss"));
        assert_eq!(address.database, "shop");
        let socket = Address::parse("postgres://app@localhost/shop?host=/run/pg").expect("valid");
        assert_eq!(socket.host, "/run/pg");
        assert_eq!(Address::parse("postgresql://app@db").expect("valid").database, "app");
        assert_eq!(Address::parse("postgres://app@[::1]/shop").expect("valid").host, "::1");
    }

    #[test]
    fn what_is_no_url_is_refused_and_its_password_not_shown() {
        for url in ["redis://db", "postgres://db/shop", "postgres://u:secret@db/d?sslmode=x", "x"] {
            let error = Address::parse(url).expect_err(url);
            assert_eq!(error.kind(), ErrorKind::InvalidUrl);
            assert!(!format!("{error:?}").contains("secret"));
        }
        let address = Address::parse("postgres://app:secret@db/shop").expect("it is valid");
        assert!(!format!("{address:?}").contains("secret"));
    }
}
