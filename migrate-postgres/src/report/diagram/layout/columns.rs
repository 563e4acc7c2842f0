//! Dividing layers into columns of moderate height.

use super::{GAP, Size};

/// The height, in pixels, below which a layer is not divided.
const LOW: f64 = 640.0;

/// The desired ratio of the drawing's width to its height.
const SHAPE: f64 = 1.5;

/// The columns of the layers, from left to right. Within a column, boxes that refer to the same box are
/// adjacent.
pub(super) fn columns(ranks: &[usize], sizes: &[Size], parents: &[Vec<usize>]) -> Vec<Vec<usize>> {
    let tallest = height_for(sizes);
    let mut positions = vec![0.5; ranks.len()];
    let mut columns = Vec::new();
    for rank in 0..=ranks.iter().copied().max().unwrap_or(0) {
        let mut layer: Vec<usize> = (0..ranks.len()).filter(|index| ranks[*index] == rank).collect();
        let wish = |index: &usize| {
            let parents = parents[*index].iter().filter(|parent| ranks[**parent] < rank);
            let positions: Vec<f64> = parents.map(|parent| positions[*parent]).collect();
            positions.iter().sum::<f64>() / positions.len().max(1) as f64
        };
        layer.sort_by(|a, b| wish(a).total_cmp(&wish(b)));
        for (place, index) in layer.iter().enumerate() {
            positions[*index] = place as f64 / layer.len() as f64;
        }
        columns.extend(parted(&layer, sizes, tallest));
    }
    columns.retain(|column| !column.is_empty());
    columns
}

/// The maximum height of a column for the desired shape.
fn height_for(sizes: &[Size]) -> f64 {
    let area: f64 =
        sizes.iter().map(|size| f64::from(size.width + 3 * GAP) * f64::from(size.height + GAP)).sum();
    (area / SHAPE).sqrt().max(LOW)
}

/// Divides a layer into pieces of about the same height.
fn parted(layer: &[usize], sizes: &[Size], tallest: f64) -> Vec<Vec<usize>> {
    let height = |index: &usize| f64::from(sizes[*index].height + GAP);
    let whole: f64 = layer.iter().map(height).sum();
    let count = (whole / tallest).ceil().max(1.0);
    let mut pieces = vec![Vec::new(); count as usize];
    let mut passed = 0.0;
    for index in layer {
        let middle = passed + height(index) / 2.0;
        let piece = (middle / whole * count) as usize;
        pieces[piece.min(count as usize - 1)].push(*index);
        passed += height(index);
    }
    pieces
}
