//! From a group of letters and digits to the values that it may begin: its neighbours over single separators, as
//! far as some layout goes.

use super::form::{LONGEST, Layout, MOST_GROUPS};
use std::ops::Range;

/// All layouts, by the lengths of their groups: what no layout begins with is left at the first step.
pub struct Tree {
    nodes: Vec<Node>,
}

#[derive(Default)]
struct Node {
    /// The node after one more group of this length; 0, the root, where none is.
    next: [u16; LONGEST + 1],
    layouts: Vec<Layout>,
    more: bool,
}

/// A value as a layout reads it.
pub struct Written<'w> {
    pub layout: &'w Layout,
    /// Letters in upper case and digits alone.
    pub value: &'w [u8],
    pub span: Range<usize>,
}

/// Letters of the longest word that may be a value's first group.
const LONGEST_WORD: usize = 5;

impl Tree {
    pub fn new(layouts: impl Iterator<Item = Layout>) -> Tree {
        let mut nodes = vec![Node::default()];
        for layout in layouts {
            let mut at = 0;
            for group in &layout.groups {
                let new = u16::try_from(nodes.len()).expect("a built-in list of layouts is small");
                nodes[at].more = true;
                if nodes[at].next[*group] == 0 {
                    nodes[at].next[*group] = new;
                    nodes.push(Node::default());
                }
                at = usize::from(nodes[at].next[*group]);
            }
            nodes[at].layouts.push(layout);
        }
        Tree { nodes }
    }

    /// Calls `judge` for each layout that fits a value which begins at `group`, or at the word right before it.
    pub fn walk(&self, text: &str, group: &Range<usize>, mut judge: impl FnMut(&Written<'_>)) {
        let bytes = text.as_bytes();
        let root = &self.nodes[0];
        if let Some(node) = self.after(root, group.len()) {
            self.from(bytes, node, group.clone(), 1, &mut judge);
        }
        if let Some(word) = word_before(bytes, group.start)
            && let Some(node) = self.after(root, word.len())
            && self.after(node, group.len()).is_some()
        {
            self.from(bytes, node, word, 2, &mut judge);
        }
    }

    fn after<'t>(&'t self, node: &Node, group: usize) -> Option<&'t Node> {
        let next = *node.next.get(group)?;
        (next != 0).then(|| &self.nodes[usize::from(next)])
    }

    /// Walks on from `node`, which stands after `first`; only values of at least `least` groups count.
    fn from<'t>(
        &'t self,
        bytes: &[u8],
        mut node: &'t Node,
        first: Range<usize>,
        least: usize,
        judge: &mut impl FnMut(&Written<'_>),
    ) {
        let mut separators = [0_u8; MOST_GROUPS];
        let (start, mut end, mut groups) = (first.start, first.end, 1);
        loop {
            if groups >= least && !node.layouts.is_empty() {
                Tree::compare(bytes, node, start..end, &separators[..groups - 1], judge);
            }
            if !node.more || groups == MOST_GROUPS {
                return;
            }
            let Some((separator, following)) = next_group(bytes, end) else { return };
            let Some(next) = self.after(node, following.len()) else { return };
            separators[groups - 1] = separator;
            (node, end) = (next, following.end);
            groups += 1;
        }
    }

    /// Holds what stands at `span` against the layouts of its groups' lengths.
    fn compare(
        bytes: &[u8],
        node: &Node,
        span: Range<usize>,
        separators: &[u8],
        judge: &mut impl FnMut(&Written<'_>),
    ) {
        let (mut value, mut len, mut digits) = ([0_u8; LONGEST], 0, 0_u32);
        let own = bytes[span.clone()].iter().filter(|byte| byte.is_ascii_alphanumeric()).take(LONGEST);
        for byte in own {
            value[len] = byte.to_ascii_uppercase();
            digits |= u32::from(byte.is_ascii_digit()) << len;
            len += 1;
        }
        for layout in node.layouts.iter().filter(|layout| layout.fits(digits, separators)) {
            let plus = usize::from(layout.plus);
            if plus == 0 || (span.start > 0 && bytes[span.start - 1] == b'+') {
                judge(&Written { layout, value: &value[..len], span: span.start - plus..span.end });
            }
        }
    }
}

/// The word of letters alone that a single separator parts from `at`.
fn word_before(bytes: &[u8], at: usize) -> Option<Range<usize>> {
    let end = at.checked_sub(1)?;
    if !matches!(bytes[end], b' ' | b'-') {
        return None;
    }
    let letters = bytes[..end]
        .iter()
        .rev()
        .take(LONGEST_WORD + 1)
        .take_while(|byte| byte.is_ascii_alphabetic())
        .count();
    let start = end - letters;
    let parted = start == 0 || !bytes[start - 1].is_ascii_alphanumeric();
    (1..=LONGEST_WORD).contains(&letters).then_some(start..end).filter(|_| parted)
}

/// The separator at `at` and the group of letters and digits after it.
fn next_group(bytes: &[u8], at: usize) -> Option<(u8, Range<usize>)> {
    let (separator, start) = match (bytes.get(at)?, bytes.get(at + 1)?) {
        (b' ', b'(') => (b'(', at + 2),
        (b')', b' ') => (b')', at + 2),
        (separator @ (b' ' | b'-' | b'.' | b'/'), _) => (*separator, at + 1),
        _ => return None,
    };
    let len = bytes[start..].iter().take(LONGEST + 1).take_while(|byte| byte.is_ascii_alphanumeric()).count();
    (len > 0).then_some((separator, start..start + len))
}

impl Written<'_> {
    /// Whether the value is not part of something longer: a longer number, a name, an address, an amount.
    pub fn stands_alone(&self, text: &str) -> bool {
        let bytes = text.as_bytes();
        let at = |at: Option<usize>| at.and_then(|at| bytes.get(at)).copied().unwrap_or(b' ');
        let (start, end) = (self.span.start, self.span.end);
        let (left, before) = (at(start.checked_sub(1)), at(start.checked_sub(2)));
        let (right, after) = (at(Some(end)), at(Some(end + 1)));
        let parts = self.layout.groups.len() > 1;
        let left_open = match left {
            b'_' | b'$' | b'/' | b'@' | b'+' | b'\\' | b'~' | b'&' => false,
            b'-' | b'.' | b',' | b':' => !before.is_ascii_digit(),
            b' ' => !(parts && before.is_ascii_digit()),
            _ => true,
        };
        let right_open = match right {
            b'_' | b'@' | b'\\' | b'%' | b'(' | b'[' => false,
            b'-' | b'.' | b'/' | b':' | b'=' => !after.is_ascii_alphanumeric(),
            b',' => !after.is_ascii_digit(),
            b' ' => !(parts && after.is_ascii_digit()),
            _ => true,
        };
        left_open && right_open
    }
}
