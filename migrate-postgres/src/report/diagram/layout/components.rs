//! Connected components of the boxes.

/// The groups of connected boxes, each in the order of the boxes, and the boxes without an edge to another
/// one.
pub(super) fn components(boxes: usize, edges: &[(usize, usize)]) -> (Vec<Vec<usize>>, Vec<usize>) {
    let mut leaders: Vec<usize> = (0..boxes).collect();
    for (from, to) in edges {
        let (a, b) = (leader(&mut leaders, *from), leader(&mut leaders, *to));
        leaders[a.max(b)] = a.min(b);
    }
    let mut groups = vec![Vec::new(); boxes];
    for index in 0..boxes {
        groups[leader(&mut leaders, index)].push(index);
    }
    let (alone, connected): (Vec<_>, Vec<_>) =
        groups.into_iter().filter(|group| !group.is_empty()).partition(|group| group.len() == 1);
    (connected, alone.concat())
}

fn leader(leaders: &mut [usize], mut index: usize) -> usize {
    while leaders[index] != index {
        leaders[index] = leaders[leaders[index]];
        index = leaders[index];
    }
    index
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edges_connect_whatever_their_direction_and_one_to_itself_connects_nothing() {
        assert_eq!(components(5, &[(4, 2), (0, 2), (1, 1)]), (vec![vec![0, 2, 4]], vec![1, 3]));
    }
}
