//! A positioned connected component.

use super::grid::{Grid, Route};
use super::{BoxPosition, Lane, Size};
use std::collections::HashMap;

/// Connected boxes with their positions.
#[derive(Debug)]
pub(super) struct Component {
    pub(super) size: Size,
    pub(super) places: Vec<(usize, BoxPosition)>,
    /// The component's edges, each with its lanes.
    pub(super) lanes: Vec<(usize, Vec<Lane>)>,
}

/// The gap between two columns, with room for the bends of edges.
const AISLE: i32 = 72;

/// Lays out connected boxes.
pub(super) fn part(boxes: &[usize], sizes: &[Size], edges: &[(usize, usize)]) -> Component {
    let local: HashMap<usize, usize> =
        boxes.iter().enumerate().map(|(local, global)| (*global, local)).collect();
    let inside: Vec<(usize, (usize, usize))> = edges
        .iter()
        .enumerate()
        .filter_map(|(edge, (from, to))| Some((edge, (*local.get(from)?, *local.get(to)?))))
        .filter(|(_, (from, to))| from != to)
        .collect();
    let ends: Vec<(usize, usize)> = inside.iter().map(|(_, ends)| *ends).collect();
    let sizes: Vec<Size> = boxes.iter().map(|index| sizes[*index]).collect();
    let mut grid = Grid::new(&sizes, &ends);
    let routes: Vec<Route> = ends.iter().map(|(from, to)| grid.route(*from, *to)).collect();
    grid.order();
    grid.settle();

    let placed = Placed::of(&grid);
    let lanes = inside.iter().zip(&routes).map(|((edge, _), route)| (*edge, placed.lanes(route)));
    let places = boxes.iter().enumerate().map(|(local, global)| (*global, placed.place(local)));
    Component { size: placed.size, places: places.collect(), lanes: lanes.collect() }
}

/// A grid with its columns side by side.
struct Placed<'g> {
    grid: &'g Grid<'g>,
    /// The left and the right end of each column.
    bounds: Vec<(i32, i32)>,
    highest: i32,
    size: Size,
}

impl<'g> Placed<'g> {
    fn of(grid: &'g Grid<'g>) -> Placed<'g> {
        let mut left = 0;
        let mut bounds = Vec::new();
        for width in grid.widths() {
            bounds.push((left, left + width));
            left += width + AISLE;
        }
        let (highest, lowest) = grid.extent();
        let size = Size { width: left - AISLE, height: lowest - highest };
        Placed { grid, bounds, highest, size }
    }

    fn place(&self, slot: usize) -> BoxPosition {
        let (left, right) = self.bounds[self.grid.column(slot)];
        BoxPosition { x: left, y: self.grid.top(slot) - self.highest, width: right - left }
    }

    fn lanes(&self, route: &Route) -> Vec<Lane> {
        let lane = |slot: &usize| {
            let (left, right) = self.bounds[self.grid.column(*slot)];
            let y = self.grid.middle_of(*slot) - self.highest;
            let (begin, end) = if route.goes_right { (left, right) } else { (right, left) };
            Lane { begin, end, y }
        };
        route.lanes.iter().map(lane).collect()
    }
}
