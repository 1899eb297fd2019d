//! MAIL and RCPT without a message: does the host know these recipients?

use std::time::{Duration, Instant};

use mail::{Address, Reply};
use smtp::client::Stage;

use super::{AttemptError, Connection};

impl Connection {
    /// `MAIL FROM:<>`, as for a DSN, which nobody may refuse.
    pub(crate) async fn begin_check(&mut self, needs_utf8: bool) -> Result<(), AttemptError> {
        let line: &[u8] = match needs_utf8 && self.capabilities.smtputf8 {
            true => b"MAIL FROM:<> SMTPUTF8\r\n",
            false => b"MAIL FROM:<>\r\n",
        };
        self.ask(line, Stage::Mail).await.map(drop)
    }

    /// One RCPT, alone and within `limit`, with the time that its answer took. After an error
    /// nothing more can be asked on this connection.
    pub(crate) async fn check(
        &mut self,
        recipient: &Address,
        limit: Duration,
    ) -> Result<(Reply, Duration), AttemptError> {
        if !std::mem::replace(&mut self.is_usable, false) {
            return Err(AttemptError::Stale);
        }
        let line = format!("RCPT TO:<{recipient}>\r\n");
        let began = Instant::now();
        let reply = self.wire.command(line.as_bytes(), Stage::Rcpt, limit).await?;
        if reply.code == 421 {
            return Err(AttemptError::Refused { reply, during: Stage::Rcpt });
        }
        self.is_usable = true;
        Ok((reply, began.elapsed()))
    }

    pub(crate) async fn end_check(&mut self) -> Result<(), AttemptError> {
        self.ask(b"RSET\r\n", Stage::Mail).await.map(drop)
    }
}
