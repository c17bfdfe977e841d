//! The weights, compiled in: a table of signed bytes for hashed features, their scale, and where the middle of
//! the score lies. Made by `examples/train_guard`; never edited by hand.
//!
//! Layout, little-endian: the magic `GUARD001`, scale (f32), middle (f32), steepness (f32), then [`SLOTS`]
//! signed bytes.

/// Bits of a feature's place in the table.
pub const SLOT_BITS: u32 = 19;
/// Places of the table.
pub const SLOTS: usize = 1 << SLOT_BITS;

/// Added to the measure of what was hidden, for who means no harm seldom hides what he asks.
pub const HIDDEN: f32 = 0.5;

/// Added to the number of a sentence's features, so that few words alone can't weigh much.
pub const PAD: f32 = 8.0;

const MAGIC: &[u8; 8] = b"GUARD001";
const HEAD: usize = MAGIC.len() + 3 * 4;

static BUILT_IN: &[u8; HEAD + SLOTS] = include_bytes!("weights.bin");
const NO_WEIGHTS: &[u8; SLOTS] = &[0; SLOTS];

/// A linear model.
pub struct Model<'w> {
    weights: &'w [u8; SLOTS],
    scale: f32,
    middle: f32,
    steepness: f32,
}

impl Model<'static> {
    /// The one that is compiled in.
    pub fn built_in() -> Model<'static> {
        let (head, weights) = BUILT_IN.split_at(HEAD);
        let number = |at: usize| f32::from_le_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]);
        // The lengths are checked where it is compiled in.
        let weights = weights.first_chunk().unwrap_or(NO_WEIGHTS);
        Model { weights, scale: number(8), middle: number(12), steepness: number(16) }
    }
}

impl Model<'_> {
    /// The weight of a feature, in units of the scale.
    #[inline]
    pub fn weight(&self, slot: u32) -> i32 {
        i32::from(self.weights[slot as usize & (SLOTS - 1)].cast_signed())
    }

    /// What a sentence's weights come to. Positive is suspicious.
    pub fn measure(&self, sum: i32, features: u32) -> f32 {
        (sum as f32 * self.scale) / (features as f32 + PAD).sqrt()
    }

    /// Certainty in per cent; 50 is where one in a hundred harmless texts lies.
    pub fn certainty(&self, measure: f32) -> u8 {
        let share = 1.0 / (1.0 + (-self.steepness * (measure - self.middle)).exp());
        // Between 0 and 100 by its form.
        (share * 100.0).round().clamp(0.0, 100.0) as u8
    }

    /// Certainty as a share, for scorers that rank.
    pub fn share(&self, measure: f32) -> f32 {
        1.0 / (1.0 + (-self.steepness * (measure - self.middle)).exp())
    }
}

/// The bytes of a model.
pub fn written(weights: &[f32], middle: f32, steepness: f32) -> Vec<u8> {
    let mut sizes: Vec<f32> = weights.iter().map(|weight| weight.abs()).filter(|size| *size > 0.0).collect();
    sizes.sort_by(f32::total_cmp);
    // A few large weights are cut, so that the many small ones keep their differences.
    let largest = sizes.get(sizes.len().saturating_sub(1 + sizes.len() / 500)).copied().unwrap_or(1.0);
    let scale = largest / 127.0;
    let mut bytes = MAGIC.to_vec();
    for number in [scale, middle, steepness] {
        bytes.extend(number.to_le_bytes());
    }
    bytes.extend(
        weights.iter().map(|weight| ((weight / scale).round().clamp(-127.0, 127.0) as i8).cast_unsigned()),
    );
    bytes
}
