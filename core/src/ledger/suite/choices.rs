//! Chance from a list of numbers, so that a failing history can be made shorter.

pub(super) struct Choices<'a> {
    left: &'a [u16],
}

impl<'a> Choices<'a> {
    pub(super) fn new(left: &'a [u16]) -> Choices<'a> {
        Choices { left }
    }

    pub(super) fn is_over(&self) -> bool {
        self.left.is_empty()
    }

    /// One of `0..below`; 0 once the list is over.
    pub(super) fn below(&mut self, below: usize) -> usize {
        match self.left.split_first() {
            Some((first, rest)) if below > 0 => {
                self.left = rest;
                usize::from(*first) % below
            }
            _ => 0,
        }
    }

    /// True in one of `every`; never once the list is over.
    pub(super) fn rarely(&mut self, every: usize) -> bool {
        !self.is_over() && self.below(every) == every - 1
    }
}
