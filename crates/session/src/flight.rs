//! The answers that the server owes: how many ReadyForQuery, and which message asked for each.

/// What asked for a ReadyForQuery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asked {
    /// Query or FunctionCall: one message is the whole exchange.
    Simple,
    /// Sync, which ends a series of extended-query messages.
    Extended,
}

/// A queue in a fixed number of bytes: what asked is remembered for the oldest 64, the rest only counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Flight {
    count: u32,
    /// One bit for each, the oldest lowest; set for [`Asked::Simple`].
    simple: u64,
}

impl Flight {
    pub(crate) const EMPTY: Self = Self {
        count: 0,
        simple: 0,
    };

    pub(crate) const fn is_empty(self) -> bool {
        self.count == 0
    }

    /// The client asked.
    pub(crate) fn push(&mut self, asked: Asked) {
        if asked == Asked::Simple {
            self.simple |= 1_u64.checked_shl(self.count).unwrap_or_default();
        }
        self.count = self.count.saturating_add(1);
    }

    /// The server answered the oldest; `false` if nobody had asked.
    pub(crate) fn pop(&mut self) -> bool {
        let Some(count) = self.count.checked_sub(1) else {
            return false;
        };
        self.count = count;
        self.simple >>= 1;
        true
    }

    /// What the server works on.
    pub(crate) const fn oldest(self) -> Option<Asked> {
        match (self.count, self.simple & 1) {
            (0, _) => None,
            (_, 0) => Some(Asked::Extended),
            _ => Some(Asked::Simple),
        }
    }

    /// Nothing that was asked so far will be answered.
    pub(crate) fn forget(&mut self) {
        *self = Self::EMPTY;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_come_in_the_order_of_the_questions() {
        let mut flight = Flight::EMPTY;
        assert_eq!(flight.oldest(), None);
        for asked in [Asked::Extended, Asked::Simple, Asked::Extended] {
            flight.push(asked);
        }
        for asked in [Asked::Extended, Asked::Simple, Asked::Extended] {
            assert_eq!(flight.oldest(), Some(asked));
            assert!(flight.pop());
        }
        assert!(flight.is_empty());
        assert!(!flight.pop());
    }

    #[test]
    fn more_than_sixty_four_are_still_counted() {
        let mut flight = Flight::EMPTY;
        for _ in 0..1000 {
            flight.push(Asked::Simple);
        }
        for _ in 0..1000 {
            assert!(!flight.is_empty());
            flight.pop();
        }
        assert!(flight.is_empty());
        flight.push(Asked::Extended);
        assert_eq!(flight.oldest(), Some(Asked::Extended));
    }
}
