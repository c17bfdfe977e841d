//! Chance as it is handed in: jitter, splits and ids roll these dice, so that a test can load them.

/// A source of chance.
pub trait Dice: Send + Sync + 'static {
    /// A uniformly distributed number.
    fn roll(&self) -> u64;

    /// A uniformly distributed number below `bound`; 0 where the bound is 0.
    fn below(&self, bound: u64) -> u64 {
        // The high half of a 128-bit product: no modulo bias worth a word for jitter.
        ((u128::from(self.roll()) * u128::from(bound)) >> 64) as u64
    }
}
