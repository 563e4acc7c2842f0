//! Ranks: the layer of each box.

/// The layer of each box, from 0. A box is to the right of those that it refers to, except for edges that
/// close a cycle, which point to the right. No edge stays within a layer.
pub(super) fn ranks(boxes: usize, edges: &[(usize, usize)]) -> Vec<usize> {
    let mut ranking = Ranking::of(boxes, edges);
    while let Some(next) = ranking.next() {
        ranking.take(next);
    }
    ranking.pull_roots();
    ranking.ranks
}

struct Ranking {
    ranks: Vec<usize>,
    is_ranked: Vec<bool>,
    /// The boxes that each box refers to, and those that refer to it.
    parents: Vec<Vec<usize>>,
    children: Vec<Vec<usize>>,
}

impl Ranking {
    fn of(boxes: usize, edges: &[(usize, usize)]) -> Ranking {
        let (mut parents, mut children) = (vec![Vec::new(); boxes], vec![Vec::new(); boxes]);
        for (from, to) in edges.iter().filter(|(from, to)| from != to) {
            parents[*from].push(*to);
            children[*to].push(*from);
        }
        Ranking { ranks: vec![0; boxes], is_ranked: vec![false; boxes], parents, children }
    }

    /// The box with the fewest unranked parents; zero unless there is a cycle. Among several, the one that
    /// most others refer to, which is the best place to cut a cycle.
    fn next(&self) -> Option<usize> {
        let to_come =
            |index: &usize| self.parents[*index].iter().filter(|parent| !self.is_ranked[**parent]).count();
        (0..self.ranks.len())
            .filter(|index| !self.is_ranked[*index])
            .min_by_key(|index| (to_come(index), std::cmp::Reverse(self.children[*index].len())))
    }

    /// Ranks a box, and updates the boxes that refer to it and those that it refers to by an edge that closes
    /// a cycle.
    fn take(&mut self, index: usize) {
        self.is_ranked[index] = true;
        let behind = self.ranks[index] + 1;
        for neighbour in self.children[index].iter().chain(&self.parents[index]) {
            if !self.is_ranked[*neighbour] {
                self.ranks[*neighbour] = self.ranks[*neighbour].max(behind);
            }
        }
    }

    /// Moves boxes that refer to nothing next to the first box that refers to them.
    fn pull_roots(&mut self) {
        for index in (0..self.ranks.len()).filter(|index| self.parents[*index].is_empty()) {
            let first = self.children[index].iter().map(|child| self.ranks[*child]).min();
            self.ranks[index] = first.map_or(0, |first| first.saturating_sub(1));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_chain_has_a_layer_for_each_and_a_root_stands_by_its_first_child() {
        assert_eq!(ranks(5, &[(1, 0), (2, 1), (3, 2), (3, 4)]), [0, 1, 2, 3, 2]);
    }

    proptest! {
        #[test]
        fn without_a_circle_every_edge_points_to_the_left_and_never_within_a_layer(
            ends in prop::collection::vec((0..12_usize, 0..12_usize), 0..30)
        ) {
            let ranks_of = |edges: &[(usize, usize)]| ranks(12, edges);
            let acyclic: Vec<_> = ends.iter().copied().filter(|(from, to)| from > to).collect();
            let ranked = ranks_of(&acyclic);
            prop_assert!(acyclic.iter().all(|(from, to)| ranked[*from] > ranked[*to]));
            let ranked = ranks_of(&ends);
            prop_assert!(ends.iter().all(|(from, to)| from == to || ranked[*from] != ranked[*to]));
        }
    }
}
