// The whole page in one module: inside.js comes first, as the page begins at once.
import './inside.js';
import './main.js';
