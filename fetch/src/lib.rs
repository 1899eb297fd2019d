//! One request to somebody else's HTTPS server, with a bound on everything.
//!
//! A connection for each request, HTTP/1.1, no redirect is followed, no proxy, no compression. Clear
//! text goes to loopback only. What must not be here: what is asked, and what the answer means.

mod client;
mod tls;
mod url;

pub use hyper::{HeaderMap, Method};

pub use client::{Answer, Bounds, Client, FetchError, Request};
pub use tls::RootsError;
pub use url::{Url, UrlError};
