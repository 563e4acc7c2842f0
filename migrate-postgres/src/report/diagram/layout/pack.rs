//! Packing the components of a drawing.

use super::part::Component;
use super::{BoxPosition, GAP, Layout, Point, Size};

/// The gap between components.
const BETWEEN: i32 = 2 * GAP;

/// The desired ratio of the drawing's width to its height.
const SHAPE: f64 = 1.8;

/// Packs components into rows, the tallest first, and loose boxes into a grid below them.
pub(super) fn pack(mut parts: Vec<Component>, loose: &[usize], sizes: &[Size], edges: usize) -> Layout {
    let width = width_for(&parts, loose, sizes);
    parts.sort_by_key(|part| std::cmp::Reverse(part.size.height));
    let mut layout = Layout {
        size: Size { width: 0, height: 0 },
        places: vec![BoxPosition::default(); sizes.len()],
        lanes: vec![Vec::new(); edges],
    };
    let (mut corner, mut row_height) = (Point::default(), 0);
    for part in parts {
        if corner.x > 0 && corner.x + part.size.width > width {
            corner = Point { x: 0, y: corner.y + row_height + BETWEEN };
            row_height = 0;
        }
        row_height = row_height.max(part.size.height);
        let next = corner.x + part.size.width + BETWEEN;
        layout.put(part, corner);
        corner.x = next;
    }
    let below = if row_height > 0 { corner.y + row_height + BETWEEN } else { 0 };
    layout.put_grid(loose, sizes, below, width);
    layout
}

/// The width of the widest component, or the width that gives the drawing its desired shape.
fn width_for(parts: &[Component], loose: &[usize], sizes: &[Size]) -> i32 {
    let all = parts.iter().map(|part| part.size).chain(loose.iter().map(|index| sizes[*index]));
    let area: f64 = all.map(|size| f64::from(size.width + BETWEEN) * f64::from(size.height + BETWEEN)).sum();
    let widest = parts.iter().map(|part| part.size.width).max().unwrap_or(0);
    widest.max((area * SHAPE).sqrt() as i32)
}

impl Layout {
    fn put(&mut self, part: Component, corner: Point) {
        for (index, place) in part.places {
            self.places[index] = BoxPosition { x: corner.x + place.x, y: corner.y + place.y, ..place };
        }
        for (edge, mut lanes) in part.lanes {
            for lane in &mut lanes {
                (lane.begin, lane.end, lane.y) =
                    (lane.begin + corner.x, lane.end + corner.x, lane.y + corner.y);
            }
            self.lanes[edge] = lanes;
        }
        self.reach(corner.x + part.size.width, corner.y + part.size.height);
    }

    /// Fills columns of equal width, placing each box in the shortest one.
    fn put_grid(&mut self, loose: &[usize], sizes: &[Size], top: i32, width: i32) {
        let widest = loose.iter().map(|index| sizes[*index].width).max().unwrap_or(0);
        let step = widest + GAP;
        let mut ends = vec![top; ((width + GAP) / step).max(1) as usize];
        for index in loose {
            let (column, y) =
                ends.iter().copied().enumerate().min_by_key(|(_, end)| *end).expect("at least one");
            let (x, height) = (column as i32 * step, sizes[*index].height);
            self.places[*index] = BoxPosition { x, y, width: widest };
            self.reach(x + widest, y + height);
            ends[column] = y + height + GAP;
        }
    }

    fn reach(&mut self, right: i32, bottom: i32) {
        self.size = Size { width: self.size.width.max(right), height: self.size.height.max(bottom) };
    }
}
