//! The next byte of a sort: many bytes at once are asked whether there is one among them.

/// Bytes that are asked at once; compilers make a few vector instructions of it.
const STRIDE: usize = 32;

/// Where the first byte that `wanted` accepts stands.
pub(super) fn seek(bytes: &[u8], wanted: impl Fn(u8) -> bool) -> Option<usize> {
    let mut skipped = 0;
    for stride in bytes.chunks_exact(STRIDE) {
        if stride.iter().fold(false, |any, byte| any | wanted(*byte)) {
            break;
        }
        skipped += STRIDE;
    }
    bytes[skipped..].iter().position(|byte| wanted(*byte)).map(|at| skipped + at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_one_is_found_wherever_it_stands() {
        for length in 0..100 {
            let mut bytes = vec![b'a'; length];
            assert_eq!(seek(&bytes, |byte| byte.is_ascii_digit()), None);
            for at in (0..length).rev() {
                bytes[at] = b'7';
                assert_eq!(seek(&bytes, |byte| byte.is_ascii_digit()), Some(at));
            }
        }
    }
}
