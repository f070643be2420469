//! The program `cachecow`, run as one, on real servers.

mod doctor;
mod hostile;
mod inspect;
mod invalidate;
mod manifest;
mod names;
mod pages;
mod program;
mod servers;
mod watch;
