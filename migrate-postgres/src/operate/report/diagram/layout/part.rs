//! A connected part of a drawing: its columns, and the lanes of edges through them.

use super::columns::columns;
use super::isotonic;
use super::ranks::ranks;
use super::{GAP, Lane, Place, Size};
use std::collections::HashMap;

/// Boxes that hang together, in their places.
#[derive(Debug)]
pub(super) struct Part {
    pub(super) size: Size,
    pub(super) places: Vec<(usize, Place)>,
    /// The edges that take lanes, and those.
    pub(super) lanes: Vec<(usize, Vec<Lane>)>,
}

/// Between two columns: room for the bends of edges.
const AISLE: i32 = 72;

/// How much room a lane takes.
const LANE: i32 = 6;

/// How often the order within the columns is improved: there, and back.
const SWEEPS: usize = 12;

/// Places boxes that hang together.
pub(super) fn part(boxes: &[usize], sizes: &[Size], edges: &[(usize, usize)]) -> Part {
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
    let edges = inside.iter().map(|(edge, _)| *edge).zip(&routes);
    grid.part(boxes, edges)
}

/// The lanes that an edge takes.
#[derive(Debug)]
struct Route {
    lanes: Vec<usize>,
    /// Whether it closes a circle, and leads to the right.
    goes_right: bool,
}

/// What takes room in a column: a box, or a lane.
#[derive(Debug)]
struct Slot {
    column: usize,
    height: i32,
    /// Its middle.
    y: f64,
    /// Whom its edges lead to on either side.
    left: Vec<usize>,
    right: Vec<usize>,
}

#[derive(Debug)]
struct Grid<'s> {
    sizes: &'s [Size],
    /// The boxes, then the lanes.
    slots: Vec<Slot>,
    /// The slots of each column, from top to bottom.
    columns: Vec<Vec<usize>>,
    /// The lanes by the box that they lead to and the column that they pass.
    lanes: HashMap<(usize, usize), usize>,
}

impl<'s> Grid<'s> {
    fn new(sizes: &'s [Size], ends: &[(usize, usize)]) -> Grid<'s> {
        let mut parents = vec![Vec::new(); sizes.len()];
        ends.iter().for_each(|(from, to)| parents[*from].push(*to));
        let columns = columns(&ranks(sizes.len(), ends), sizes, &parents);
        let mut slots: Vec<Slot> = sizes.iter().map(|size| Slot::new(size.height)).collect();
        for (number, column) in columns.iter().enumerate() {
            column.iter().for_each(|index| slots[*index].column = number);
        }
        Grid { sizes, slots, columns, lanes: HashMap::new() }
    }

    /// The lanes that lead from one box to another, and makes them where they are not there yet.
    fn route(&mut self, from: usize, to: usize) -> Route {
        let (begin, end) = (self.slots[from].column, self.slots[to].column);
        let between: Vec<usize> =
            if begin > end { (end + 1..begin).rev().collect() } else { (begin + 1..end).collect() };
        let lanes: Vec<usize> = between.into_iter().map(|column| self.lane(to, column)).collect();
        let ends: Vec<usize> = std::iter::once(from).chain(lanes.iter().copied()).chain([to]).collect();
        ends.windows(2).for_each(|pair| self.link(pair[0], pair[1]));
        Route { lanes, goes_right: begin < end }
    }

    fn lane(&mut self, to: usize, column: usize) -> usize {
        if let Some(lane) = self.lanes.get(&(to, column)) {
            return *lane;
        }
        let lane = self.slots.len();
        self.slots.push(Slot { column, ..Slot::new(LANE) });
        self.columns[column].push(lane);
        self.lanes.insert((to, column), lane);
        lane
    }

    fn link(&mut self, a: usize, b: usize) {
        let (left, right) = if self.slots[a].column < self.slots[b].column { (a, b) } else { (b, a) };
        if !self.slots[left].right.contains(&right) {
            self.slots[left].right.push(right);
            self.slots[right].left.push(left);
        }
    }

    /// Brings each slot near to those that its edges lead to, seen from the left and from the right in turn.
    fn order(&mut self) {
        (0..self.columns.len()).for_each(|column| self.stack(column));
        for sweep in 0..SWEEPS {
            let to_the_right = sweep % 2 == 0;
            for step in 0..self.columns.len() {
                let column = if to_the_right { step } else { self.columns.len() - 1 - step };
                let wish = |slot: &Slot| self.middle(if to_the_right { &slot.left } else { &slot.right });
                let mut wishes: Vec<(f64, usize)> = self.columns[column]
                    .iter()
                    .map(|index| (wish(&self.slots[*index]).unwrap_or(self.slots[*index].y), *index))
                    .collect();
                wishes.sort_by(|a, b| a.0.total_cmp(&b.0));
                self.put(column, &wishes);
            }
        }
    }

    /// Brings each slot near to the middle of all that it is linked to, in the order that was found.
    fn settle(&mut self) {
        for column in (0..self.columns.len()).chain((0..self.columns.len()).rev()) {
            let wish = |slot: &Slot| self.middle(&[&slot.left[..], &slot.right[..]].concat());
            let wishes: Vec<(f64, usize)> = self.columns[column]
                .iter()
                .map(|index| (wish(&self.slots[*index]).unwrap_or(self.slots[*index].y), *index))
                .collect();
            self.put(column, &wishes);
        }
    }

    fn middle(&self, slots: &[usize]) -> Option<f64> {
        let sum: f64 = slots.iter().map(|index| self.slots[*index].y).sum();
        (!slots.is_empty()).then(|| sum / slots.len() as f64)
    }

    /// One below the other, around the middle.
    fn stack(&mut self, column: usize) {
        let wishes: Vec<(f64, usize)> = self.columns[column].iter().map(|index| (0.0, *index)).collect();
        self.put(column, &wishes);
    }

    /// Puts the slots of a column into this order, as near to their wishes as that lets them.
    fn put(&mut self, column: usize, wishes: &[(f64, usize)]) {
        let apart: Vec<f64> = (0..wishes.len())
            .map(|place| if place == 0 { 0.0 } else { self.apart(wishes[place - 1].1, wishes[place].1) })
            .collect();
        let places = isotonic::place(&wishes.iter().map(|(wish, _)| *wish).collect::<Vec<_>>(), &apart);
        for ((_, index), y) in wishes.iter().zip(places) {
            self.slots[*index].y = y;
        }
        self.columns[column] = wishes.iter().map(|(_, index)| *index).collect();
    }

    /// How far the middles of two neighbours are apart at least. Lanes may run close together.
    fn apart(&self, a: usize, b: usize) -> f64 {
        let lanes = [a, b].iter().filter(|index| **index >= self.sizes.len()).count() as i32;
        let gap = GAP / (lanes + 1);
        f64::from(self.slots[a].height + self.slots[b].height) / 2.0 + f64::from(gap)
    }

    fn part<'e>(&self, boxes: &[usize], edges: impl Iterator<Item = (usize, &'e Route)>) -> Part {
        let top = |slot: &Slot| (slot.y - f64::from(slot.height) / 2.0).round() as i32;
        let highest = self.slots.iter().map(top).min().unwrap_or(0);
        let lowest = self.slots.iter().map(|slot| top(slot) + slot.height).max().unwrap_or(0);
        let mut left = 0;
        let bounds: Vec<(i32, i32)> = self
            .columns
            .iter()
            .map(|column| {
                let width =
                    column.iter().filter_map(|index| self.sizes.get(*index)).map(|size| size.width).max();
                let bounds = (left, left + width.unwrap_or(0));
                left = bounds.1 + AISLE;
                bounds
            })
            .collect();
        let places = boxes.iter().enumerate().map(|(local, global)| {
            let slot = &self.slots[local];
            let (left, right) = bounds[slot.column];
            (*global, Place { x: left, y: top(slot) - highest, width: right - left })
        });
        let lane = |index: &usize, goes_right: bool| {
            let slot = &self.slots[*index];
            let (left, right) = bounds[slot.column];
            let y = top(slot) - highest + slot.height / 2;
            let (begin, end) = if goes_right { (left, right) } else { (right, left) };
            Lane { begin, end, y }
        };
        let lanes = edges.map(|(edge, route)| {
            (edge, route.lanes.iter().map(|index| lane(index, route.goes_right)).collect())
        });
        Part {
            size: Size { width: left - AISLE, height: lowest - highest },
            places: places.collect(),
            lanes: lanes.collect(),
        }
    }
}

impl Slot {
    fn new(height: i32) -> Slot {
        Slot { column: 0, height, y: 0.0, left: Vec::new(), right: Vec::new() }
    }
}
