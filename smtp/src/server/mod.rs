//! The server side of SMTP: strict, and a value that a test can hold.
