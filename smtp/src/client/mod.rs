//! The client side: a next hop as a state machine.
