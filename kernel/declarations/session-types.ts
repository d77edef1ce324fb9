/** How a cell, a script or a tsconfig asks for the globals of a session: `/// <reference types="aivida/session" />`. */
export const SESSION_TYPES = 'aivida/session'
