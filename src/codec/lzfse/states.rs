//! Tables of finite state entropy: from the frequencies of symbols to what each state says.

use super::Flaw;
use super::bits::Bits;

/// What a state gives: `base` plus `value_bits` more bits, and the next state, `next` plus `state_bits` more bits.
#[derive(Clone, Copy, Default)]
struct State {
    state_bits: u8,
    value_bits: u8,
    next: u16,
    base: u32,
}

/// The table of one alphabet.
pub(super) struct States(Vec<State>);

impl States {
    /// Builds the table of `count` states, a power of two. `extra` gives for each symbol how many bits of its value are
    /// stored beside it; its values begin where those of the symbol before end.
    pub(super) fn new(count: usize, frequencies: &[u16], extra: impl Fn(usize) -> u8) -> Result<Self, Flaw> {
        let mut states = Vec::with_capacity(count);
        let mut base = 0_u32;
        for (symbol, frequency) in frequencies.iter().copied().enumerate() {
            let value_bits = extra(symbol);
            let first = base;
            base = base.saturating_add(1_u32.wrapping_shl(value_bits.into()));
            let frequency = usize::from(frequency);
            if states.len().saturating_add(frequency) > count {
                return Err(Flaw::new(0, "frequencies that sum up to the number of states", "more"));
            }
            let Some(most) = frequency.leading_zeros().checked_sub(count.leading_zeros()) else { continue };
            // The first `long` states of a symbol lead on with `most` bits, the others with one bit less.
            let long = count.wrapping_shl(1).wrapping_shr(most).saturating_sub(frequency);
            for index in 0..frequency {
                let (bits, next) = match index.checked_sub(long) {
                    None => (most, frequency.saturating_add(index).wrapping_shl(most).saturating_sub(count)),
                    Some(beyond) => {
                        let bits = most.saturating_sub(1);
                        (bits, beyond.wrapping_shl(bits))
                    }
                };
                let state_bits = u8::try_from(bits).unwrap_or(0);
                let next = u16::try_from(next).unwrap_or(u16::MAX);
                states.push(State { state_bits, value_bits, next, base: first });
            }
        }
        // States that no symbol has lead to themselves: a stream that gets there does not end in state 0.
        let unused = (states.len()..count).map(|own| u16::try_from(own).unwrap_or(u16::MAX));
        states.extend(unused.map(|next| State { next, ..State::default() }).collect::<Vec<_>>());
        Ok(Self(states))
    }

    /// The value of a state; the state becomes the next one.
    pub(super) fn value(&self, state: &mut u16, bits: &mut Bits<'_>) -> Result<usize, Flaw> {
        let entry = self.0.get(usize::from(*state));
        let entry = entry.ok_or_else(|| Flaw::new(0, "a state of the table", *state))?;
        let more = u16::try_from(bits.take(entry.state_bits.into())?).unwrap_or(u16::MAX);
        *state = entry.next.saturating_add(more);
        let value = bits.take(entry.value_bits.into())?.saturating_add(entry.base);
        Ok(usize::try_from(value).unwrap_or(usize::MAX))
    }
}
