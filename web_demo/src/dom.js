// One way to make an element.

/** An element: tag, properties (data-… and aria-… as attributes), children. */
export function el(tag, properties = {}, ...children) {
  const made = document.createElement(tag);
  for (const [key, value] of Object.entries(properties)) {
    if (key.includes('-')) made.setAttribute(key, value);
    else if (value !== undefined && value !== null) made[key] = value;
  }
  made.append(...children);
  return made;
}
