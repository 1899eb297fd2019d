//! How much of the flow one listener gets.

/// Flow events a second that one listener is sent.
const PER_SECOND: u32 = 200;

/// Lets so many a second through. Above that it takes every n-th, by the rate of the second before,
/// so that what is sent is spread over the second and not its beginning.
#[derive(Debug)]
pub struct Sampler {
    second: u64,
    seen: u32,
    passed: u32,
    stride: u32,
    dropped: u64,
}

impl Default for Sampler {
    fn default() -> Self {
        Self { second: 0, seen: 0, passed: 0, stride: 1, dropped: 0 }
    }
}

impl Sampler {
    /// Whether the next event is sent. `second` is the time, in whole seconds of any clock.
    pub fn admit(&mut self, second: u64) -> bool {
        self.turn(second);
        let taken = self.seen.is_multiple_of(self.stride) && self.passed < PER_SECOND;
        self.seen = self.seen.saturating_add(1);
        match taken {
            true => self.passed += 1,
            false => self.dropped += 1,
        }
        taken
    }

    /// What was not sent in the seconds before `second`, once.
    pub fn dropped(&mut self, second: u64) -> Option<u64> {
        if self.second == second {
            return None;
        }
        self.turn(second);
        let n = std::mem::take(&mut self.dropped);
        (n > 0).then_some(n)
    }

    fn turn(&mut self, second: u64) {
        if self.second == second {
            return;
        }
        let is_next = second == self.second + 1;
        self.stride = if is_next { self.seen.div_ceil(PER_SECOND).max(1) } else { 1 };
        (self.second, self.seen, self.passed) = (second, 0, 0);
    }
}
