/** Where an entry of a list of u32 stands. */
export function at(list: usize, index: u32): usize {
  return list + (usize(index) << 2);
}
