//! The admin API over one connection that stays open: for thousands of questions in a row.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

/// How long one answer may take.
const ANSWER_BOUND: Duration = Duration::from_secs(30);

/// HTTP/1.1 with a bearer token, one request after the other. Takes bodies with a length only.
pub struct Api {
    reader: BufReader<TcpStream>,
    token: String,
}

impl Api {
    pub fn connect(admin: SocketAddr, token: &str) -> Result<Self> {
        let stream = TcpStream::connect(admin).context("the admin address")?;
        stream.set_read_timeout(Some(ANSWER_BOUND))?;
        stream.set_nodelay(true)?;
        Ok(Self { reader: BufReader::new(stream), token: token.trim().to_owned() })
    }

    /// The answer's document; an error unless the status is 200.
    pub fn get(&mut self, path: &str) -> Result<Value> {
        self.ask("GET", path, "", "")
    }

    /// As [`Api::get`], with a document or a file of this media type.
    pub fn post(&mut self, path: &str, media_type: &str, body: &str) -> Result<Value> {
        self.ask("POST", path, media_type, body)
    }

    fn ask(&mut self, method: &str, path: &str, media_type: &str, body: &str) -> Result<Value> {
        let (token, n) = (&self.token, body.len());
        let mut head = format!(
            "{method} {path} HTTP/1.1\r\nHost: gateway.example\r\nAuthorization: Bearer {token}\r\n"
        );
        if !media_type.is_empty() {
            head.push_str(&format!("Content-Type: {media_type}\r\nContent-Length: {n}\r\n"));
        }
        self.reader.get_mut().write_all(format!("{head}\r\n{body}").as_bytes())?;
        let status = self.line()?;
        let mut length = 0;
        loop {
            let line = self.line()?;
            if line.is_empty() {
                break;
            }
            if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse()?;
            }
        }
        let mut body = vec![0; length];
        self.reader.read_exact(&mut body)?;
        let text = String::from_utf8_lossy(&body);
        ensure!(status.contains(" 20"), "{method} {path}: {status}: {text}");
        serde_json::from_str(&text).with_context(|| format!("{method} {path}: {text}"))
    }

    fn line(&mut self) -> Result<String> {
        let mut line = String::new();
        ensure!(self.reader.read_line(&mut line)? > 0, "the admin API hung up");
        Ok(line.trim_end().to_owned())
    }
}
