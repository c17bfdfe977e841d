//! Logistic regression by AdaGrad over windows of sentences. One thread, one order, so one result.

use crate::generate::Dice;
use crate::rows::Document;
use gateway_inspection::injection::{HIDDEN, PAD, SLOTS, View};
use std::collections::BTreeMap;

const EPOCHS: u32 = 6;
const RATE: f32 = 0.2;
const DECAY: f32 = 1e-4;
/// Bytes of the windows that stand for an attack whose place is not known.
const WINDOW: usize = 400;
const LEAD_WINDOW: usize = 200;

/// Weights by slot, and what they start from.
pub struct Fitted {
    pub weights: Vec<f32>,
    pub bias: f32,
}

/// What a harmless text weighs, an attack being 1: false alarms cost more than what is missed.
const HARMLESS: f32 = 2.0;

/// Sums of slots, and their number.
struct Example<'d> {
    sentences: Vec<&'d [u32]>,
    /// One over the root of the number of features.
    norm: f32,
    attack: bool,
    /// The worst sentence of a harmless text.
    hard: bool,
    weight: f32,
}

/// The weights that tell attacks from the rest, in two rounds: the second also learns, of each attack whose
/// place is not known, the sentence and the window that the first found worst, and of each harmless text the
/// sentence that came nearest to an attack.
pub fn fit(documents: &[&Document]) -> Fitted {
    let known = known(documents);
    let first = descend(&examples(documents, None), &known, 1);
    let examples = examples(documents, Some(&first.weights));
    // The mean of several orders: what one of them chanced upon counts less.
    let runs = [1, 2, 3].map(|seed| descend(&examples, &known, seed));
    let mean = |of: &dyn Fn(&Fitted) -> f32| runs.iter().map(of).sum::<f32>() / runs.len() as f32;
    let weights = (0..SLOTS).map(|slot| mean(&|run| run.weights[slot])).collect();
    Fitted { weights, bias: mean(&|run| run.bias) }
}

/// Texts in which a place must stand: what stands in fewer is chance.
const LEAST: u16 = 4;

/// The places that stand in several texts.
fn known(documents: &[&Document]) -> Vec<bool> {
    let mut count = vec![0_u16; SLOTS];
    let mut last = vec![usize::MAX; SLOTS];
    for (number, document) in documents.iter().enumerate() {
        for slot in document.sentences.iter().flat_map(|sentence| &sentence.slots) {
            let slot = *slot as usize;
            if last[slot] != number {
                last[slot] = number;
                count[slot] = count[slot].saturating_add(1);
            }
        }
    }
    count.iter().map(|count| *count >= LEAST).collect()
}

/// The worst sentence of a document.
pub fn measure(fitted: &Fitted, document: &Document) -> f32 {
    let each = (0..document.sentences.len()).map(|at| window(&fitted.weights, document, at, at + 1));
    let lead = if document.view == View::Hidden { HIDDEN } else { 0.0 };
    each.fold(f32::MIN, f32::max) + fitted.bias + lead
}

fn window(weights: &[f32], document: &Document, from: usize, to: usize) -> f32 {
    let sentences = &document.sentences[from..to];
    let count: usize = sentences.iter().map(|sentence| sentence.slots.len()).sum();
    let slots = sentences.iter().flat_map(|sentence| &sentence.slots);
    slots.map(|slot| weights[*slot as usize]).sum::<f32>() / (count as f32 + PAD).sqrt()
}

fn examples<'d>(documents: &[&'d Document], lead: Option<&[f32]>) -> Vec<Example<'d>> {
    let mut sizes: BTreeMap<(&str, bool), f32> = BTreeMap::new();
    for document in documents {
        *sizes.entry((&document.source, document.attack)).or_default() += 1.0;
    }
    let mut all = Vec::new();
    for document in documents {
        let size = sizes[&(document.source.as_str(), document.attack)];
        let mut own = of_document(document, lead);
        let attacks = own.iter().filter(|example| example.attack).count() as f32;
        let harmless = own.len() as f32 - attacks;
        for example in &mut own {
            example.weight = match (example.attack, document.attack) {
                (true, _) => 1.0 / attacks.sqrt(),
                (false, true) => 0.5 / harmless.sqrt(),
                (false, false) => HARMLESS * (1.0 / harmless.sqrt() + f32::from(u8::from(example.hard))),
            } / size.sqrt();
        }
        all.append(&mut own);
    }
    let mean = all.iter().map(|example| example.weight).sum::<f32>() / all.len() as f32;
    all.iter_mut().for_each(|example| example.weight /= mean);
    all
}

/// A document's windows.
fn of_document<'d>(document: &'d Document, lead: Option<&[f32]>) -> Vec<Example<'d>> {
    let mut windows = apart(document);
    let all = document.sentences.len();
    if !document.planted && windows.len() > 1 {
        windows.push((0, all));
    }
    if !document.attack || document.planted {
        let step = if all <= 60 { 1 } else { 3 };
        windows.extend((0..all).step_by(step).map(|at| (at, at + 1)));
    }
    if document.planted {
        let inside = |at: &usize| document.sentences[*at].attack > 0.3;
        if let (Some(first), Some(last)) = ((0..all).find(inside), (0..all).rev().find(inside)) {
            windows.extend([
                (first, last + 1),
                (first.saturating_sub(1), last + 1),
                (first, (last + 2).min(all)),
            ]);
        }
    } else if let Some(lead) = lead
        && document.attack
        && all > 1
    {
        windows.extend(worst(lead, document, (0..all).map(|at| (at, at + 1))));
        windows.extend(worst(lead, document, sliding(document).into_iter()));
    }
    let each = (0..all).map(|at| (at, at + 1));
    let hard = lead.filter(|_| !document.attack).and_then(|lead| worst(lead, document, each));
    windows.extend(hard);
    windows.sort_unstable();
    windows.dedup();
    let mark = |(from, to)| {
        let example = example(document, from, to)?;
        Some(Example { hard: hard == Some((from, to)), ..example })
    };
    windows.into_iter().filter_map(mark).collect()
}

fn worst(
    lead: &[f32],
    document: &Document,
    of: impl Iterator<Item = (usize, usize)>,
) -> Option<(usize, usize)> {
    of.map(|(from, to)| (window(lead, document, from, to), (from, to)))
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, window)| window)
}

/// Windows side by side.
fn apart(document: &Document) -> Vec<(usize, usize)> {
    let (mut windows, mut from, mut bytes) = (Vec::new(), 0, 0);
    for (at, sentence) in document.sentences.iter().enumerate() {
        if bytes + sentence.bytes > WINDOW && at > from {
            windows.push((from, at));
            (from, bytes) = (at, 0);
        }
        bytes += sentence.bytes;
    }
    if from < document.sentences.len() {
        windows.push((from, document.sentences.len()));
    }
    windows
}

/// Windows that end at each sentence.
fn sliding(document: &Document) -> Vec<(usize, usize)> {
    let (mut windows, mut from, mut bytes) = (Vec::new(), 0, 0);
    for (at, sentence) in document.sentences.iter().enumerate() {
        bytes += sentence.bytes;
        while bytes > LEAD_WINDOW && from < at {
            bytes -= document.sentences[from].bytes;
            from += 1;
        }
        windows.push((from, at + 1));
    }
    windows
}

/// `None` for a window of which too little is attack to call it one, and too much to call it none.
fn example(document: &Document, from: usize, to: usize) -> Option<Example<'_>> {
    let sentences = &document.sentences[from..to];
    let bytes: usize = sentences.iter().map(|sentence| sentence.bytes).sum();
    let attack: f32 = sentences.iter().map(|sentence| sentence.attack * sentence.bytes as f32).sum();
    let share = attack / bytes as f32;
    if share > 0.0 && share < 0.35 {
        return None;
    }
    let count: usize = sentences.iter().map(|sentence| sentence.slots.len()).sum();
    let norm = 1.0 / (count as f32 + PAD).sqrt();
    let sentences = sentences.iter().map(|sentence| sentence.slots.as_slice()).collect();
    Some(Example { sentences, norm, attack: share > 0.0, hard: false, weight: 0.0 })
}

fn descend(examples: &[Example<'_>], known: &[bool], seed: u64) -> Fitted {
    let (mut weights, mut squares) = (vec![0.0_f32; SLOTS], vec![1e-4_f32; SLOTS]);
    let (mut bias, mut bias_square) = (0.0_f32, 1e-4_f32);
    let mut sums = vec![0.0_f32; SLOTS];
    let mut order: Vec<usize> = (0..examples.len()).collect();
    let mut dice = Dice::new(seed);
    for epoch in 0..EPOCHS {
        dice.shuffle(&mut order);
        let rate = RATE / (1.0 + epoch as f32 * 0.3);
        for example in order.iter().map(|at| &examples[*at]) {
            let slots = || example.sentences.iter().flat_map(|slots| slots.iter());
            let sum: f32 = slots().map(|slot| weights[*slot as usize]).sum();
            let guess = 1.0 / (1.0 + (-bias - example.norm * sum).exp());
            let off = (guess - f32::from(u8::from(example.attack))) * example.weight;
            if off.abs() < 1e-3 {
                continue;
            }
            for slot in slots().map(|slot| *slot as usize).filter(|slot| known[*slot]) {
                let slope = off * example.norm + DECAY * weights[slot];
                squares[slot] += slope * slope;
                weights[slot] -= rate * slope / squares[slot].sqrt();
            }
            bias_square += off * off;
            bias -= rate * off / bias_square.sqrt();
        }
        // The mean of all epochs but the first.
        if epoch > 0 {
            sums.iter_mut().zip(&weights).for_each(|(sum, weight)| *sum += weight / (EPOCHS - 1) as f32);
        }
    }
    Fitted { weights: sums, bias }
}
