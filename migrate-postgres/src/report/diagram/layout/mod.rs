//! The layout of a drawing: the positions of boxes and the routes of edges.
//!
//! A layered drawing after Sugiyama, Tagawa and Toda (1981), from left to right: a referenced box stands to
//! the left of the boxes that refer to it. A layer that is too tall is divided into several columns, so that
//! thirty tables that refer to one stay readable. An edge crosses the columns between its ends in a lane,
//! which it shares with the other edges to the same box. Components that are not connected are laid out
//! separately, and boxes without edges stand in a grid below.

mod columns;
mod components;
mod grid;
mod isotonic;
mod pack;
mod part;
mod ranks;

/// The size of a box, in pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Size {
    pub(super) width: i32,
    pub(super) height: i32,
}

/// A point, in pixels from the top left.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Point {
    pub(super) x: i32,
    pub(super) y: i32,
}

/// The position of a box and its width there: all boxes of a column are as wide as the widest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct BoxPosition {
    pub(super) x: i32,
    pub(super) y: i32,
    pub(super) width: i32,
}

/// A horizontal segment of an edge, in the direction of the edge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Lane {
    pub(super) begin: i32,
    pub(super) end: i32,
    pub(super) y: i32,
}

/// Positioned boxes and edges.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Layout {
    pub(super) size: Size,
    pub(super) places: Vec<BoxPosition>,
    /// The lanes of each edge, in order.
    pub(super) lanes: Vec<Vec<Lane>>,
}

/// The gap between two boxes of a column.
const GAP: i32 = 24;

/// Lays out boxes of these sizes. Each edge is a pair: the referring box and the referenced one.
pub(super) fn layout(sizes: &[Size], edges: &[(usize, usize)]) -> Layout {
    let (connected, loose) = components::components(sizes.len(), edges);
    let parts = connected.iter().map(|boxes| part::part(boxes, sizes, edges)).collect();
    pack::pack(parts, &loose, sizes, edges.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn overlap(a: (Point, Size), b: (Point, Size)) -> bool {
        let apart = |a: i32, width: i32, b: i32| a + width <= b;
        !(apart(a.0.x, a.1.width, b.0.x)
            || apart(b.0.x, b.1.width, a.0.x)
            || apart(a.0.y, a.1.height, b.0.y)
            || apart(b.0.y, b.1.height, a.0.y))
    }

    fn placed((place, size): (&BoxPosition, &Size)) -> (Point, Size) {
        assert!(place.width >= size.width, "{place:?} {size:?}");
        (Point { x: place.x, y: place.y }, Size { width: place.width, ..*size })
    }

    fn check(sizes: &[Size], edges: &[(usize, usize)]) -> Result<(), TestCaseError> {
        let layout = layout(sizes, edges);
        prop_assert_eq!((layout.places.len(), layout.lanes.len()), (sizes.len(), edges.len()));
        let boxes: Vec<(Point, Size)> = layout.places.iter().zip(sizes).map(placed).collect();
        for (index, (place, size)) in boxes.iter().enumerate() {
            let (right, bottom) = (place.x + size.width, place.y + size.height);
            prop_assert!(place.x >= 0 && place.y >= 0, "{:?}", place);
            prop_assert!(
                right <= layout.size.width && bottom <= layout.size.height,
                "{:?} {:?}",
                place,
                layout.size
            );
            for other in &boxes[..index] {
                prop_assert!(!overlap((*place, *size), *other), "{:?} {:?}", place, other);
            }
            for lane in layout.lanes.iter().flatten() {
                let lane = (Point { x: lane.begin.min(lane.end), y: lane.y }, (lane.begin - lane.end).abs());
                prop_assert!(
                    !overlap((lane.0, Size { width: lane.1, height: 1 }), (*place, *size)),
                    "{:?}",
                    lane
                );
            }
        }
        Ok(())
    }

    fn size() -> impl Strategy<Value = Size> {
        (100..300, 40..400).prop_map(|(width, height)| Size { width, height })
    }

    proptest! {
        #[test]
        fn no_box_is_upon_another_and_no_edge_passes_through_one(
            sizes in prop::collection::vec(size(), 1..40),
            ends in prop::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>()), 0..60),
        ) {
            let edges: Vec<(usize, usize)> =
                ends.iter().map(|(from, to)| (from.index(sizes.len()), to.index(sizes.len()))).collect();
            check(&sizes, &edges)?;
        }
    }

    #[test]
    fn who_is_referred_to_stands_to_the_left() {
        let sizes = [Size { width: 100, height: 50 }; 3];
        let places = layout(&sizes, &[(0, 1), (1, 2), (0, 2)]).places;
        assert!(places[2].x < places[1].x && places[1].x < places[0].x, "{places:?}");
    }

    #[test]
    fn hundreds_of_boxes_keep_to_a_shape_that_can_be_looked_at() {
        // A hub, chains, a few cycles, and some isolated boxes.
        let sizes = vec![Size { width: 200, height: 150 }; 500];
        let edges: Vec<(usize, usize)> = (1..450)
            .map(|index| (index, index / 3))
            .chain((10..450).step_by(7).map(|index| (index / 2, index)))
            .collect();
        check(&sizes, &edges).unwrap();
        let Size { width, height } = layout(&sizes, &edges).size;
        assert!(width < 5 * height && height < 5 * width, "{width} x {height}");
    }
}
