/** An element with properties (`role` too) and what is in it; texts stay texts. */
export function element(tag, { role, ...properties } = {}, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  if (role) made.setAttribute("role", role);
  made.append(...children);
  return made;
}
