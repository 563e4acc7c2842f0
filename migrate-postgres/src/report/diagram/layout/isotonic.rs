//! Isotonic regression: positions as near as possible to the desired ones, in a given order.

/// The positions with the least squared distance to the desired ones that keep the order and the minimum
/// distances: isotonic regression by pooling adjacent violators (Ayer and others, 1955). `apart[0]` does not
/// count.
pub(super) fn place(wishes: &[f64], apart: &[f64]) -> Vec<f64> {
    let mut offset = 0.0;
    let offsets: Vec<f64> = apart
        .iter()
        .enumerate()
        .map(|(index, apart)| {
            offset += if index == 0 { 0.0 } else { *apart };
            offset
        })
        .collect();
    // Blocks of touching neighbors: the sum of their desired positions, and their number.
    let mut blocks: Vec<(f64, usize)> = Vec::new();
    for (wish, offset) in wishes.iter().zip(&offsets) {
        blocks.push((wish - offset, 1));
        while let [.., before, last] = blocks[..] {
            if mean(before) <= mean(last) {
                break;
            }
            blocks.truncate(blocks.len() - 2);
            blocks.push((before.0 + last.0, before.1 + last.1));
        }
    }
    let places = blocks.iter().flat_map(|block| std::iter::repeat_n(mean(*block), block.1));
    places.zip(offsets).map(|(place, offset)| place + offset).collect()
}

fn mean((sum, count): (f64, usize)) -> f64 {
    sum / count as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wishes_that_can_be_kept_are_kept_and_the_others_share_the_loss() {
        assert_eq!(place(&[0.0, 30.0], &[0.0, 10.0]), [0.0, 30.0]);
        assert_eq!(place(&[20.0, 20.0, 100.0], &[0.0, 10.0, 10.0]), [15.0, 25.0, 100.0]);
        assert_eq!(place(&[], &[]), [] as [f64; 0]);
    }
}
