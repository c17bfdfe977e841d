//! The commonest words, by which a text is told from its cipher.

use std::collections::HashSet;

const WORDS: &str = "the of and to in is you that it he was for on are as with his they i at be this have from or \
one had by word but not what all were we when your can said there use an each which she do how their if will up \
other about out many then them these so some her would make like him into time has look two more write go see \
number no way could people my than first water been call who now find long down day did get come made may part \
a any only new also after most our me us where why please tell give show text system message instructions prompt \
ignore answer follow previous rules send say print question user without before must should does let want act act \
el la de que y en los del se las por un para con no una su al lo como todo todas le et les des est pour qui dans \
ce il pas plus sur der die und das den von zu mit ist nicht ein eine auf auch es alle";

pub struct Common(HashSet<&'static str>);

impl Default for Common {
    fn default() -> Common {
        Common(WORDS.split_whitespace().collect())
    }
}

impl Common {
    /// Of each hundred words of a text, how many are common.
    pub fn share(&self, text: &str) -> usize {
        let (mut known, mut all) = (0_usize, 0_usize);
        let mut lower = String::new();
        for word in text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()) {
            all += 1;
            if word.len() <= 12 {
                lower.clear();
                lower.push_str(word);
                lower.make_ascii_lowercase();
                known += usize::from(self.0.contains(lower.as_str()));
            }
        }
        (known * 100).checked_div(all).unwrap_or(0)
    }
}
