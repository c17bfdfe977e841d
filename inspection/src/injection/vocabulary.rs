//! The commonest words, by which a text is told from its cipher.

const WORDS: &str = "the of and to in is you that it he was for on are as with his they i at be this have from or \
one had by word but not what all were we when your can said there use an each which she do how their if will up \
other about out many then them these so some her would make like him into time has look two more write go see \
number no way could people my than first water been call who now find long down day did get come made may part \
a any only new also after most our me us where why please tell give show text system message instructions prompt \
ignore answer follow previous rules send say print question user without before must should does let want act act \
el la de que y en los del se las por un para con no una su al lo como todo todas le et les des est pour qui dans \
ce il pas plus sur der die und das den von zu mit ist nicht ein eine auf auch es alle";

/// The hashes of the words, by some of their bits: a stranger is taken for one of them once in a hundred times.
pub struct Common(Box<[u64; 512]>);

impl Default for Common {
    fn default() -> Common {
        let mut bits = Box::new([0_u64; 512]);
        for word in WORDS.split_whitespace() {
            let hash = word.bytes().fold(0, with);
            bits[(hash >> 55) as usize] |= 1 << (hash >> 49 & 63);
        }
        Common(bits)
    }
}

fn with(hash: u64, byte: u8) -> u64 {
    (hash ^ u64::from(byte.to_ascii_lowercase())).wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(29)
}

impl Common {
    /// Of each hundred words of a text, how many are common.
    pub fn share(&self, text: &str) -> usize {
        let (mut known, mut all) = (0_usize, 0_usize);
        let (mut hash, mut within) = (0, false);
        for byte in text.bytes().chain(*b" ") {
            if byte.is_ascii_alphanumeric() || byte >= 0x80 {
                hash = with(hash, byte);
                within = true;
            } else if within {
                all += 1;
                known += usize::from(self.0[(hash >> 55) as usize] >> (hash >> 49 & 63) & 1 == 1);
                (hash, within) = (0, false);
            }
        }
        (known * 100).checked_div(all).unwrap_or(0)
    }
}
