//! States of mailboxes in the move, for the sidecar.

use api::{
    Cut, CutRequest, Move, MoveList, MovesQuery, Resolve, Resolved, Simulate, Simulation,
    SyncReports, SyncTaken, Transitioned, Transitions,
};

use super::{Answer, Author};

/// See the module, and [`crate::Backend`].
pub trait Moves {
    /// `query.limit` is set and in range.
    fn moves(&self, query: MovesQuery) -> Answer<'_, MoveList>;
    /// Of an address or of the mailbox that has it as an alias.
    fn one_move(&self, address: String) -> Answer<'_, Move>;
    /// Durable when it returns. All of them or none; repeatable by the same author. Either `moves`
    /// is not empty, or the three other fields are set.
    fn transitions(&self, request: Transitions, author: Author) -> Answer<'_, Transitioned>;
    /// Over when it returns, or `under_way`.
    fn cut(&self, address: String, what: CutRequest, author: Author) -> Answer<'_, Cut>;
    /// Durable when it returns.
    fn resolve(&self, address: String, what: Resolve, author: Author) -> Answer<'_, Resolved>;
    /// Either `edits` is not empty, or `plan` is set; `limit` is set and in range.
    fn simulate(&self, what: Simulate) -> Answer<'_, Simulation>;
    /// All of them or none.
    fn sync(&self, reports: SyncReports, author: Author) -> Answer<'_, SyncTaken>;
}
