//! MongoDB's change streams, as a scripted server sends them. What runs against a real replica set is the program
//! `cachecow-mongo-log`.

mod changes;
mod checks;
mod faults;
mod gate;
mod shop;
