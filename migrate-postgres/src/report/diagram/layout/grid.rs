//! The columns of a component: boxes, and lanes for the edges between them.

use super::columns::columns;
use super::isotonic;
use super::ranks::ranks;
use super::{GAP, Size};
use std::collections::HashMap;

/// The height of a lane.
const LANE: i32 = 6;

/// The number of passes that improve the order within columns, alternating from left and right.
const SWEEPS: usize = 12;

/// The lanes of an edge, by slot.
#[derive(Debug)]
pub(super) struct Route {
    pub(super) lanes: Vec<usize>,
    /// True if the edge closes a cycle and leads to the right.
    pub(super) goes_right: bool,
}

/// Columns of boxes and lanes.
#[derive(Debug)]
pub(super) struct Grid<'s> {
    sizes: &'s [Size],
    /// The boxes, followed by the lanes.
    slots: Vec<Slot>,
    /// The slots of each column, from top to bottom.
    columns: Vec<Vec<usize>>,
    /// The lanes by target box and column.
    lanes: HashMap<(usize, usize), usize>,
}

/// An item in a column: a box or a lane.
#[derive(Debug)]
struct Slot {
    column: usize,
    height: i32,
    /// The center.
    y: f64,
    /// The neighbors on either side.
    left: Vec<usize>,
    right: Vec<usize>,
}

impl Slot {
    fn new(height: i32) -> Slot {
        Slot { column: 0, height, y: 0.0, left: Vec::new(), right: Vec::new() }
    }

    fn top(&self) -> i32 {
        (self.y - f64::from(self.height) / 2.0).round() as i32
    }
}

/// Construction.
impl<'s> Grid<'s> {
    /// A grid of boxes in columns, without lanes.
    pub(super) fn new(sizes: &'s [Size], ends: &[(usize, usize)]) -> Grid<'s> {
        let mut parents = vec![Vec::new(); sizes.len()];
        ends.iter().for_each(|(from, to)| parents[*from].push(*to));
        let columns = columns(&ranks(sizes.len(), ends), sizes, &parents);
        let mut slots: Vec<Slot> = sizes.iter().map(|size| Slot::new(size.height)).collect();
        for (number, column) in columns.iter().enumerate() {
            column.iter().for_each(|index| slots[*index].column = number);
        }
        Grid { sizes, slots, columns, lanes: HashMap::new() }
    }

    /// Routes an edge from one box to another, and adds the missing lanes.
    pub(super) fn route(&mut self, from: usize, to: usize) -> Route {
        let (begin, end) = (self.slots[from].column, self.slots[to].column);
        let between: Vec<usize> =
            if begin > end { (end + 1..begin).rev().collect() } else { (begin + 1..end).collect() };
        let lanes: Vec<usize> = between.into_iter().map(|column| self.lane(to, column)).collect();
        let stops: Vec<usize> = std::iter::once(from).chain(lanes.iter().copied()).chain([to]).collect();
        stops.windows(2).for_each(|pair| self.link(pair[0], pair[1]));
        Route { lanes, goes_right: begin < end }
    }

    fn lane(&mut self, to: usize, column: usize) -> usize {
        let next = self.slots.len();
        let lane = *self.lanes.entry((to, column)).or_insert(next);
        if lane == next {
            self.slots.push(Slot { column, ..Slot::new(LANE) });
            self.columns[column].push(lane);
        }
        lane
    }

    fn link(&mut self, a: usize, b: usize) {
        let (left, right) = if self.slots[a].column < self.slots[b].column { (a, b) } else { (b, a) };
        if !self.slots[left].right.contains(&right) {
            self.slots[left].right.push(right);
            self.slots[right].left.push(left);
        }
    }
}

/// Arrangement.
impl Grid<'_> {
    /// Orders each column so that slots are near their neighbors on one side: the barycenter method.
    pub(super) fn order(&mut self) {
        for column in 0..self.columns.len() {
            let stacked: Vec<(f64, usize)> = self.columns[column].iter().map(|index| (0.0, *index)).collect();
            self.put(column, &stacked);
        }
        for sweep in 0..SWEEPS {
            let from_the_left = sweep % 2 == 0;
            for step in 0..self.columns.len() {
                let column = if from_the_left { step } else { self.columns.len() - 1 - step };
                let mut wishes = self.wishes(column, from_the_left, !from_the_left);
                wishes.sort_by(|a, b| a.0.total_cmp(&b.0));
                self.put(column, &wishes);
            }
        }
    }

    /// Moves each slot towards the center of all its neighbors, and keeps the order.
    pub(super) fn settle(&mut self) {
        for column in (0..self.columns.len()).chain((0..self.columns.len()).rev()) {
            let wishes = self.wishes(column, true, true);
            self.put(column, &wishes);
        }
    }

    /// The desired positions of a column's slots: the center of their neighbors on these sides, or the
    /// current position if they have none.
    fn wishes(&self, column: usize, to_the_left: bool, to_the_right: bool) -> Vec<(f64, usize)> {
        let wish = |index: &usize| {
            let slot = &self.slots[*index];
            let left = slot.left.iter().filter(|_| to_the_left);
            let near: Vec<f64> = left
                .chain(slot.right.iter().filter(|_| to_the_right))
                .map(|near| self.slots[*near].y)
                .collect();
            let middle = near.iter().sum::<f64>() / near.len().max(1) as f64;
            (if near.is_empty() { slot.y } else { middle }, *index)
        };
        self.columns[column].iter().map(wish).collect()
    }

    /// Puts a column's slots into this order, as near to the desired positions as possible.
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

    /// The minimum distance between the centers of two neighboring slots. Lanes may run close together.
    fn apart(&self, a: usize, b: usize) -> f64 {
        let lanes = [a, b].iter().filter(|index| **index >= self.sizes.len()).count() as i32;
        f64::from(self.slots[a].height + self.slots[b].height) / 2.0 + f64::from(GAP / (lanes + 1))
    }
}

/// Results.
impl Grid<'_> {
    /// The width of each column.
    pub(super) fn widths(&self) -> impl Iterator<Item = i32> {
        self.columns.iter().map(|column| {
            column.iter().filter_map(|index| self.sizes.get(*index)).map(|size| size.width).max().unwrap_or(0)
        })
    }

    /// The top and the bottom of the drawing.
    pub(super) fn extent(&self) -> (i32, i32) {
        let highest = self.slots.iter().map(Slot::top).min().unwrap_or(0);
        let lowest = self.slots.iter().map(|slot| slot.top() + slot.height).max().unwrap_or(0);
        (highest, lowest)
    }

    pub(super) fn column(&self, slot: usize) -> usize {
        self.slots[slot].column
    }

    pub(super) fn top(&self, slot: usize) -> i32 {
        self.slots[slot].top()
    }

    pub(super) fn middle_of(&self, slot: usize) -> i32 {
        self.slots[slot].top() + self.slots[slot].height / 2
    }
}
